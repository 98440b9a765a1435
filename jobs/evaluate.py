"""Compute how well cosines agree with people's scores, for each layer, pooling and correction."""

import sys

from elmo_udf.cli import run_job
from elmo_udf.evaluation.job import evaluate
from elmo_udf.evaluation.options import EvaluateOptions

if __name__ == "__main__":
    sys.exit(run_job(evaluate, EvaluateOptions, __doc__, whole_machine=True))
