"""Train a small network with and without ELMo many times, and compare the accuracies."""

import sys

from elmo_udf.cli import run_job
from elmo_udf.study.job import sentiment_study
from elmo_udf.study.options import StudyOptions

if __name__ == "__main__":
    sys.exit(run_job(sentiment_study, StudyOptions, __doc__))
