"""Find the documents of an embedding table most like some texts, or the words most like a word in its sentence."""

import sys
from functools import partial

from elmo_udf.cli import prompted, run_job, say
from elmo_udf.options import QueryOptions
from elmo_udf.similarity.query import query

if __name__ == "__main__":
    answer = partial(query, lines=prompted("text> "), say=say)
    sys.exit(run_job(answer, QueryOptions, __doc__, whole_machine=True))
