"""Converts text to tokens and tokens to character ids, in plain Python and numpy."""
