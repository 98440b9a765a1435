"""What tables of vectors cost: bytes and speed by encoding, an incremental run beside a full one, a job's start.

    python scripts/benchmarks/lake.py [--quick] [--packaged ARCHIVE]

Vectors are real ones, of builtin:mini on documents of three sentences. They are written by Spark as jobs/embed.py
writes them, in each encoding and compression, and read back by Spark and by pyarrow. Then short documents are embedded
whole, one in a hundred is changed, and an incremental run finds these. The session is that of a job on this machine: a
task takes all its cores. A run takes a quarter of an hour; leave the machine alone while it lasts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq
import pyspark
from environments import machine
from published import natural_text
from pyspark.sql import DataFrame, SparkSession

from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.spark.outputs.writer import vector_writer
from elmo_udf.spark.session import job_session

RESULTS = Path(__file__).parent / "results" / "lake.json"
ENCODINGS = {
    "plain, not compressed": ("plain", "none"),
    "plain, snappy": ("plain", "snappy"),
    "plain, zstd": ("plain", "zstd"),
    "byte_stream_split, snappy": ("byte_stream_split", "snappy"),
    "byte_stream_split, zstd": ("byte_stream_split", "zstd"),
    "plain, gzip": ("plain", "gzip"),
}
DEFAULT = "plain, zstd"
ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Measure, print, and write the results (not with --quick)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few documents; results are not written")
    parser.add_argument("--packaged", help="an environment packed by scripts/package, to measure a job's start on it")
    arguments = parser.parse_args()
    n_vectors, n_short, repeats = (300, 500, 1) if arguments.quick else (20_000, 100_000, 3)
    with tempfile.TemporaryDirectory(prefix="elmo-lake-") as name:
        figures: dict[str, Any] = {}
        if arguments.packaged:
            figures["packaged_start_s"] = packaged_start(Path(name), Path(arguments.packaged))
        spark, _ = job_session("lake", whole_machine=True)
        figures["encodings"] = encodings(spark, Path(name), n_vectors, repeats)
        figures["incremental"] = incremental(spark, Path(name), n_short)
        spark.stop()
    result = {
        "machine": machine(),
        "versions": {name: version(name) for name in ("elmo-udf", "pyspark", "pyarrow", "tensorflow")},
        "sizes": {"vectors": n_vectors, "short_documents": n_short, "repeats": repeats},
        "figures": figures,
        "bars": bars(figures),
    }
    print(json.dumps({"figures": figures, "bars": result["bars"]}, indent=2))
    if not arguments.quick:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")


def bars(figures: dict[str, Any]) -> dict[str, float]:
    """What the figures are held to: shares of the bytes of float32, and of the time of embedding everything."""
    times = figures["incremental"]
    found = {
        "bytes_of_plain": figures["encodings"][DEFAULT]["of_float32"],
        "incremental_overhead": round(times["finding_s"] / times["full_s"], 4),
    }
    return found | {name: figures[name] for name in ("packaged_start_s",) if name in figures}


def encodings(spark: SparkSession, folder: Path, n_vectors: int, repeats: int) -> dict[str, dict[str, float]]:
    """Bytes and speeds by encoding; medians of ``repeats`` after one that warms up."""
    sentences = [" ".join(words) for words in natural_text(3 * n_vectors)]
    texts = [" ".join(sentences[i : i + 3]) for i in range(0, len(sentences), 3)]
    embed(spark, texts, folder / "vectors", "error")
    table = spark.read.parquet(str(folder / "vectors")).repartition(4).cache()
    n_rows, width = table.count(), len(table.head(1)[0]["embedding"])
    path = str(folder / "encoded")
    figures = {}
    for name, (encoding, compression) in ENCODINGS.items():
        times = [one_round(spark, table, path, encoding, compression) for _ in range(repeats + 1)][1:]
        column, plain = column_bytes(Path(path)), 4 * n_rows * width
        figures[name] = {"bytes_a_vector": round(column / n_rows, 1), "of_float32": round(column / plain, 4)}
        for what, taken in zip(("write", "spark_read", "pyarrow_read"), zip(*times, strict=True), strict=True):
            figures[name][f"{what}_mb_per_s"] = round(plain / 1e6 / statistics.median(taken), 1)
    table.unpersist()
    return figures


def one_round(
    spark: SparkSession, table: DataFrame, path: str, encoding: str, compression: str
) -> tuple[float, float, float]:
    """Seconds to write the table, to read it with Spark, and with pyarrow."""
    writer = vector_writer(table, encoding).option("compression", compression).mode("overwrite")
    return (
        seconds(lambda: writer.parquet(path)),
        seconds(lambda: all_values(spark.read.parquet(path))),
        seconds(lambda: pq.read_table(path, columns=["embedding"])),
    )


def column_bytes(folder: Path) -> int:
    """Bytes of the vectors in all files of a folder."""
    total = 0
    for path in folder.glob("*.parquet"):
        metadata = pq.ParquetFile(path).metadata
        for group in range(metadata.num_row_groups):
            columns = [metadata.row_group(group).column(i) for i in range(metadata.num_columns)]
            total += sum(c.total_compressed_size for c in columns if c.path_in_schema.startswith("embedding."))
    return total


def all_values(table: DataFrame) -> None:
    """Read every vector, and do nothing with it."""
    table.select("embedding").write.format("noop").mode("overwrite").save()


def incremental(spark: SparkSession, folder: Path, n_documents: int) -> dict[str, float]:
    """Seconds of a run over all documents, and of one that finds that one in a hundred has changed."""
    sentences = [" ".join(words) for words in natural_text(n_documents)]
    sentences += [f"{text} {i}" for i, text in enumerate(sentences)][: n_documents - len(sentences)]
    embed(spark, sentences[:100], folder / "warm", "error")
    started = time.perf_counter()
    full = embed(spark, sentences, folder / "short", "incremental")
    full_s = time.perf_counter() - started
    changed = [f"{text} Changed." if i % 100 == 0 else text for i, text in enumerate(sentences)]
    started = time.perf_counter()
    again = embed(spark, changed, folder / "short", "incremental")
    again_s = time.perf_counter() - started
    expected = len(range(0, n_documents, 100))
    assert (full["rows_embedded"], again["rows_embedded"]) == (n_documents, expected), "not what has changed"
    return {
        "n_documents": n_documents,
        "n_changed": expected,
        "full_s": round(full_s, 2),
        "incremental_s": round(again_s, 2),
        "embedding_s": again["embedding_s"],
        "finding_s": round(again_s - again["embedding_s"], 2),
    }


def embed(spark: SparkSession, texts: list[str], output: Path, mode: Literal["error", "incremental"]) -> dict[str, Any]:
    """Run the job's function on the texts, whose ids are their numbers."""
    documents = output.with_suffix(".jsonl")
    documents.write_text("".join(json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate(texts)), "utf-8")
    return embed_corpus(spark, EmbedOptions(input=str(documents), output=str(output), mode=mode))


def packaged_start(folder: Path, archive: Path) -> float:
    """Seconds of a whole job on two documents, by spark-submit, with the Python of an unpacked environment."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "environment", filter="tar")
    (folder / "two.csv").write_text("id,text\na,One text.\nb,Another.\n")
    python = folder / "environment" / "bin" / "python"
    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    command = [str(submit), str(ROOT / "jobs" / "embed.py"), "--input", "two.csv", "--output", "two"]
    environment = {**os.environ, "PYSPARK_PYTHON": str(python), "PYSPARK_DRIVER_PYTHON": str(python)}
    return round(
        seconds(lambda: subprocess.run(command, cwd=folder, env=environment, check=True, stdout=sys.stderr)), 2
    )


def seconds(work: Any) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
