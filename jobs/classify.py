"""Train a classifier on ELMo vectors of labelled documents, test it, and predict the labels of other documents."""

import sys

from elmo_udf.classification.job import classify
from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.cli import run_job

if __name__ == "__main__":
    sys.exit(run_job(classify, ClassifyOptions, __doc__, whole_machine=True))
