"""Packs tables into blocks: checks what can be compared, and writes files of some thousand vectors for all machines."""
