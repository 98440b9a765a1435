"""Trains a bidirectional language model on a corpus."""
