"""Classifies texts with a logistic regression on ELMo vectors, and on TF-IDF for comparison, and tests it."""
