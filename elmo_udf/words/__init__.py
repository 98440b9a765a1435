"""Words in their sentences: what a token table tells about one word."""
