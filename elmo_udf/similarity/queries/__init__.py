"""Finds the rows of a table that are nearest to texts."""
