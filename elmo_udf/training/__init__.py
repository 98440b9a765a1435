"""Training a bidirectional language model on one's own corpus."""
