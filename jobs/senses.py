"""Divide the occurrences of a word in a token table into clusters, such as its senses."""

import sys

from elmo_udf.cli import run_job
from elmo_udf.words.options import SensesOptions
from elmo_udf.words.senses import separate_senses

if __name__ == "__main__":
    sys.exit(run_job(separate_senses, SensesOptions, __doc__))
