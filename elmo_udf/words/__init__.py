"""Studies one word in its sentences, with a token table."""
