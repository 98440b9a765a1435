"""Rewrite an embedding table that has grown, so that it has one version of each document in files of good size."""

import sys

from elmo_udf.cli import run_job
from elmo_udf.lake.compact import compact_table
from elmo_udf.lake.options import CompactOptions

if __name__ == "__main__":
    sys.exit(run_job(compact_table, CompactOptions, __doc__))
