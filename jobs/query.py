"""Find the documents of an embedding table most like some texts, or the words most like a word in its sentence."""

import sys

from elmo_udf.cli import run_job
from elmo_udf.similarity.queries.job import query
from elmo_udf.similarity.queries.options import QueryOptions

if __name__ == "__main__":
    sys.exit(run_job(query, QueryOptions, __doc__, whole_machine=True, converses=True))
