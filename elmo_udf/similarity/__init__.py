"""Computes exact cosine similarity between the rows of embedding tables.

The sub-packages from the lowest to the highest: ``kernels`` compares arrays, and knows neither files nor Spark.
``blocks`` checks tables and packs their rows into files. ``joins`` divides a comparison into tasks and runs them on
Spark. ``queries`` finds the rows nearest to texts. The modules beside them are the job, ``compare``, and the kinds of
result.
"""
