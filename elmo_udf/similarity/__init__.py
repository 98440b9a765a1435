"""Exact cosine similarity between the rows of embedding tables.

``cosine`` and ``nearest``, ``above`` are numpy; ``blocks`` keeps rows in files; ``plan`` divides the work;
``pack`` and ``join`` run it on Spark.
"""
