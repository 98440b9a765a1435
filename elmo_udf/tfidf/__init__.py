"""Compares ELMo's similarities with those of TF-IDF."""
