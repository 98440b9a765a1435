"""Removes near duplicates from an embedding table."""
