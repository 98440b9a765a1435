"""The network: tokenized sentences in, vectors of named layers out."""
