"""Remove documents that are near duplicates of others, and write which document each of them was similar to."""

import sys

from elmo_udf.cli import run_job
from elmo_udf.dedup.job import remove_duplicates
from elmo_udf.dedup.options import DedupOptions

if __name__ == "__main__":
    sys.exit(run_job(remove_duplicates, DedupOptions, __doc__))
