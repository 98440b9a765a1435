"""Exact cosine similarity between the rows of embedding tables.

Rooms, from the ground up: ``kernels`` compares arrays and knows neither files nor Spark; ``blocks`` checks tables and
packs their rows into files; ``joins`` divides a comparison into tasks and runs them on Spark; ``queries`` looks for the
rows nearest to texts. The files beside them are the way in: the job, ``compare``, and the kinds of result.
"""
