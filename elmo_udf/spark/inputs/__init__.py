"""What Spark reads: documents of every format, and tables of vectors as batches for Python."""
