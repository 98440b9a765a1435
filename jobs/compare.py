"""Compare the similarities of texts by ELMo with those by TF-IDF."""

import sys

from elmo_udf.cli import run_job
from elmo_udf.tfidf.job import compare_texts
from elmo_udf.tfidf.options import CompareOptions

if __name__ == "__main__":
    sys.exit(run_job(compare_texts, CompareOptions, __doc__, whole_machine=True))
