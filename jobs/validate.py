"""Check an embedding table against its schema, its numbers and the documents that it was made from."""

import sys

from elmo_udf.cli import run_job
from elmo_udf.lake.options import ValidateOptions
from elmo_udf.lake.validate import validate_table

if __name__ == "__main__":
    sys.exit(run_job(validate_table, ValidateOptions, __doc__))
