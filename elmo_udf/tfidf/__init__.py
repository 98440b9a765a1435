"""ELMo's similarities beside those of TF-IDF, and a model's vectors beside published numbers."""
