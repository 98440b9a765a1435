"""Train an ELMo model on a corpus."""

import sys

from elmo_udf.cli import run_job
from elmo_udf.training.job import train
from elmo_udf.training.options import TrainOptions

if __name__ == "__main__":
    sys.exit(run_job(train, TrainOptions, __doc__))
