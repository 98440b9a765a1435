"""Comparisons of whole tables on Spark: planned, divided into tasks, put together; continued and corrected."""
