"""Compares arrays of vectors exactly, in bounded memory and in plain numpy."""
