"""Compares a network on static word vectors with the same network on static and ELMo vectors, in repeated draws."""
