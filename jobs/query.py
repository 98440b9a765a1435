"""Find the documents that are most similar to a text, or the words most similar to a word in its sentence."""

import sys

from elmo_udf.cli import run_job
from elmo_udf.similarity.queries.job import query
from elmo_udf.similarity.queries.options import QueryOptions

if __name__ == "__main__":
    sys.exit(run_job(query, QueryOptions, __doc__, whole_machine=True, converses=True))
