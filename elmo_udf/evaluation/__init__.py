"""Pairs of texts: their cosines, and how well these agree with people's judgements."""
