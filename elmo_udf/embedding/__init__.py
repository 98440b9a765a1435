"""From documents to vectors: one generator, wrapped by the pandas UDF and by the job."""
