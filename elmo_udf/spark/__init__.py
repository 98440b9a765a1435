"""Connects the project to Spark: sessions, files at any address, tables, and models on executors.

It knows neither the network nor the tokenizer.
"""
