"""Text to tokens to character ids: plain Python and numpy."""
