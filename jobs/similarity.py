"""Compare the documents of embedding tables by exact cosine: nearest neighbors, pairs, groups or a matrix."""

import sys

from elmo_udf.cli import run_job
from elmo_udf.similarity.job import compare_tables
from elmo_udf.similarity.options import SimilarityOptions

if __name__ == "__main__":
    sys.exit(run_job(compare_tables, SimilarityOptions, __doc__))
