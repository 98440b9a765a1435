"""Archives the classes that Spark loads for the jobs, once, so that it starts faster (elmo_udf/spark/class_archive.py).

python scripts/spark_archive.py [FILE]     default: where the jobs look for it
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from elmo_udf.spark.class_archive import archive_path
from elmo_udf.spark.launch import OPTIONS

WAIT_S = 180  # for the JVM to write the archive as it ends


def main() -> int:
    """Run two jobs on a few lines in a JVM that archives its classes at its end; put the archive in its place."""
    parser = argparse.ArgumentParser(description="Archive the classes that Spark loads, so that it starts faster.")
    parser.add_argument("file", nargs="?", type=Path, default=archive_path(), help="default: %(default)s")
    target: Path = parser.parse_args().file
    with tempfile.TemporaryDirectory(prefix=".elmo-", dir=target.parent) as folder:
        archive = Path(folder) / target.name
        os.environ["PYSPARK_SUBMIT_ARGS"] = "--master local[2] pyspark-shell"
        os.environ[OPTIONS] = f'-XX:TieredStopAtLevel=1 -Xlog:cds*=off "-XX:ArchiveClassesAtExit={archive}"'
        run_jobs(Path(folder))
        archive.replace(target)  # whole, or not there
    return 0


def run_jobs(folder: Path) -> None:
    """Embed a small table and compare it, in a Spark of our own, and wait for the end of its JVM."""
    from elmo_udf.embedding.corpus import embed_corpus
    from elmo_udf.embedding.options import EmbedOptions
    from elmo_udf.similarity.job import compare_tables
    from elmo_udf.similarity.options import SimilarityOptions
    from elmo_udf.spark import internals
    from elmo_udf.spark.session import job_session

    (folder / "texts.csv").write_text("id,text\na,One text.\nb,Another text.\n", "utf-8")
    spark, _ = job_session("archive", whole_machine=True)
    embed_corpus(spark, EmbedOptions(input=f"{folder}/texts.csv", output=f"{folder}/vectors"))
    compare_tables(spark, SimilarityOptions(kind="topk", embeddings=f"{folder}/vectors", output=f"{folder}/topk"))
    spark.stop()
    jvm = internals.jvm_process()
    assert jvm.stdin is not None
    jvm.stdin.close()  # at which it ends
    jvm.wait(WAIT_S)


if __name__ == "__main__":
    sys.exit(main())
