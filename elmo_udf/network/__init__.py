"""Computes vectors for the tokens of sentences, in named layers of the network."""
