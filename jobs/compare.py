"""Put the similarities of some texts by ELMo beside those by TF-IDF: a table of pairs, a picture, their correlation."""

import sys

from elmo_udf.cli import run_job
from elmo_udf.tfidf.job import compare_texts
from elmo_udf.tfidf.options import CompareOptions

if __name__ == "__main__":
    sys.exit(run_job(compare_texts, CompareOptions, __doc__, whole_machine=True))
