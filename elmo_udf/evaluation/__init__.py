"""Computes cosines of pairs of texts, and their agreement with people's judgements."""
