"""ELMo beside others: its similarities beside those of TF-IDF, and a model's numbers beside published ones."""
