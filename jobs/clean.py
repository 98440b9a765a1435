"""Clean texts (URLs, punctuation, case, digits, white space, lemmas), and write them as a Parquet table."""

import sys

from elmo_udf.cleaning.job import clean_corpus
from elmo_udf.cleaning.options import CleanOptions
from elmo_udf.cli import run_job

if __name__ == "__main__":
    sys.exit(run_job(clean_corpus, CleanOptions, __doc__))
