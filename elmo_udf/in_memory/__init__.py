"""Embeds and compares lists of texts in this process, without Spark."""
