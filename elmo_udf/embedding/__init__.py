"""Embeds documents. One generator does the work, and the pandas UDF and the job use it."""
