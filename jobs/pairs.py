"""Compute the cosine of the two texts in each row."""

import sys

from elmo_udf.cli import run_job
from elmo_udf.evaluation.options import PairsOptions
from elmo_udf.evaluation.pairs import compare_pairs

if __name__ == "__main__":
    sys.exit(run_job(compare_pairs, PairsOptions, __doc__, whole_machine=True))
