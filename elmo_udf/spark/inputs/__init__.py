"""Reads documents in every format, and tables of vectors as batches for Python."""
