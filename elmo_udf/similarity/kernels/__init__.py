"""Comparisons of arrays of vectors: exact, in bounded memory, in plain numpy."""
