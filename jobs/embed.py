"""Embed documents with ELMo, and write a Parquet table of vectors and a table of rejected rows."""

import sys

from elmo_udf.cli import run_job
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions

if __name__ == "__main__":
    sys.exit(run_job(embed_corpus, EmbedOptions, __doc__, whole_machine=True))
