"""Train ELMo on a corpus of one's own: documents in; a model folder that --model takes out."""

import sys

from elmo_udf.cli import run_job
from elmo_udf.training.job import train
from elmo_udf.training.options import TrainOptions

if __name__ == "__main__":
    sys.exit(run_job(train, TrainOptions, __doc__))
