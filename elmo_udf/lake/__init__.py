"""Upkeep of embedding tables: rewriting one that has grown, and checking one against its numbers and its source."""
