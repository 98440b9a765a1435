"""Embeds a table, asks the UDF, and embeds again, in one Spark session; prints what was loaded, and where, as JSON.

python tests/one_session.py DOCUMENTS.jsonl FOLDER MODEL
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from elmo_udf import elmo_udf
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions


def processes_with_a_model() -> int:
    """Count the Python processes below this one that have TensorFlow in memory."""
    parents, found = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if "tensorflow" in (folder / "maps").read_text():
                found.append(int(folder.name))
    return sum(os.getpid() in ancestors(pid, parents) for pid in found)


def ancestors(pid: int, parents: dict[int, int]) -> set[int]:
    above = set()
    while pid := parents.get(pid, 0):
        above.add(pid)
    return above


def main(documents: str, folder: str, model: str) -> None:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = SparkSession.builder.getOrCreate()

    def embed(name: str) -> dict[str, object]:
        options = EmbedOptions(input=documents, output=f"{folder}/{name}", model=model, partitions=8)
        return embed_corpus(spark, options)

    def ask() -> DataFrame:
        texts = spark.createDataFrame([("The moon and the tides.",)], "text string").coalesce(1)
        return texts.select(elmo_udf(model, spark=spark)("text").alias("embedding"))

    first = embed("first")
    vectors = [ask().collect()[0].embedding for _ in range(4)]
    second = embed("second")
    print(
        json.dumps(
            {
                "executors": first["executors"],
                "loads": [first["model_loads"], second["model_loads"]],
                "answers": len({tuple(vector) for vector in vectors}),
                "processes": processes_with_a_model(),
            }
        )
    )
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
