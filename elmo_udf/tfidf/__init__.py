"""ELMo's similarities beside those of TF-IDF."""
