"""Texts to labels: a logistic regression on ELMo vectors, beside one on TF-IDF, tried on rows held out."""
