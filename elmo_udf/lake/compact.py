"""Rewrites a table that has grown in increments, so that it has one version of each document, in few files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.lake.options import CompactOptions
from elmo_udf.spark import files
from elmo_udf.spark.inputs.columns import quoted
from elmo_udf.spark.inputs.documents import read_documents
from elmo_udf.spark.outputs.transaction import Transaction, in_transaction
from elmo_udf.spark.outputs.writer import check_encoding, vector_writer
from elmo_udf.spark.outputs.written import Output, Written
from elmo_udf.spark.tables import partition_types, read_embeddings, read_rows
from elmo_udf.spark.versions import POSITIONS

_NUMBER = "_number"

_FILLED = 0.9
"""The planned share of a file's limit. A hash distributes the ids, so some files get more rows than others."""


def compact_table(spark: SparkSession, options: CompactOptions) -> dict[str, Any]:
    """Rewrites ``options.embeddings``. Returns the report.

    The newest rows of every document are there whenever the run ends. Raises UserError if the path is not a table of
    this project, if the source has other ids, if another run is writing the table, or if this Spark can't read the
    encoding.
    """
    outputs = [Output("table", options.embeddings, ("embeddings",))]
    written = Written.of(options, outputs, {"source": options.source}, mode="overwrite")
    return in_transaction(spark, written, lambda work: _compact(work, options))


def _compact(work: Transaction, options: CompactOptions) -> dict[str, Any]:
    spark, path = work.spark, options.embeddings
    check_encoding(options.encoding, spark.version)
    if options.dry_run:
        return _survey(spark, options, _kept(spark, options))
    old = files.list_files(spark, path)
    kept = _kept(spark, options)
    report = _survey(spark, options, kept)
    staged = f"{work.folder('table')}/table"
    _write(kept, staged, report, options, tuple(partition_types(spark, path)))
    n_written = spark.read.schema(kept.schema).parquet(staged).count()
    if n_written != report["n_rows_kept"]:
        raise RuntimeError(
            f"{report['n_rows_kept']} rows were to be kept, but {n_written} were written; nothing was changed"
        )
    work.replace_files("table", staged, old)
    return report | {"n_files_after": len(files.list_files(spark, staged)), "mib_after": _mib(spark, staged)}


def _kept(spark: SparkSession, options: CompactOptions) -> DataFrame:
    """Returns the rows to keep: the newest version of each id, and only ids of the source if it is given."""
    table = read_embeddings(spark, options.embeddings)
    if options.source is None:
        return table
    documents = read_documents(spark, options.source_options())
    ours, theirs = table.schema["id"].dataType, documents.schema["id"].dataType
    if ours != theirs:
        raise UserError(
            f"source {options.source!r} has ids of type {theirs.simpleString()}, and table {options.embeddings!r} of "
            f"{ours.simpleString()}; expected the documents that the table was made from; check --source"
        )
    return table.join(documents.select("id").distinct(), "id", "left_semi")


def _survey(spark: SparkSession, options: CompactOptions, kept: DataFrame) -> dict[str, Any]:
    """Returns what the table has and what is kept of it. Raises UserError if a source would leave nothing."""
    rows = read_rows(spark, options.embeddings)
    n_rows, n_kept = rows.count(), kept.count()
    n_newest = read_embeddings(spark, options.embeddings).count() if options.source is not None else n_kept
    if n_newest and not n_kept:
        raise UserError(
            f"source {options.source!r} has none of the ids of table {options.embeddings!r}; expected the documents "
            "that the table was made from; check --source and --id-column"
        )
    return {
        "embeddings": options.embeddings,
        "n_rows_before": n_rows,
        "n_rows_kept": n_kept,
        "n_rows_superseded": n_rows - n_newest,
        "n_rows_not_in_source": n_newest - n_kept,
        "n_files_before": len(files.list_files(spark, options.embeddings)),
        "mib_before": _mib(spark, options.embeddings),
    }


def _write(
    kept: DataFrame, staged: str, report: dict[str, Any], options: CompactOptions, folders: Sequence[str]
) -> None:
    """Writes the rows to files of at most about ``file_mib``, sorted by id, with all rows of a document in one file."""
    row_mib = report["mib_before"] / max(1, report["n_rows_before"])
    rows_a_file = max(1, int(options.file_mib / max(row_mib, 1e-9)))
    numbered, n_files = _numbered(kept, folders, max(1, math.floor(rows_a_file * _FILLED)))
    positions = [name for name in POSITIONS if name in kept.columns]
    sized = numbered.repartitionById(n_files, F.col(_NUMBER)).drop(_NUMBER)
    ordered = sized.sortWithinPartitions(*map(quoted, folders), "id", *positions)
    writer = vector_writer(ordered, options.encoding, folders)
    if not positions:
        writer = writer.option("maxRecordsPerFile", str(rows_a_file))  # a row a document: no document is torn
    writer.parquet(staged)


def _numbered(kept: DataFrame, folders: Sequence[str], rows_a_file: int) -> tuple[DataFrame, int]:
    """Returns the rows with the number of the file that each goes into, and the number of files.

    Every partition folder has its own files.
    """
    spark = kept.sparkSession
    names = [f"_folder_{i}" for i in range(len(folders))]
    counts = kept.groupBy(*(quoted(name).alias(ours) for name, ours in zip(folders, names, strict=True))).count()
    rows, n_files = [], 0
    for row in counts.collect():
        n_here = max(1, math.ceil(row["count"] / rows_a_file))
        rows.append((*row[:-1], n_files, n_here))
        n_files += n_here
    schema = T.StructType([counts.schema[name] for name in names])
    schema = schema.add("_first", T.IntegerType()).add("_n", T.IntegerType())
    same = F.lit(True)
    for name, ours in zip(folders, names, strict=True):
        same &= quoted(name).eqNullSafe(F.col(ours))
    joined = kept.join(F.broadcast(spark.createDataFrame(rows, schema)), same)
    number = F.col("_first") + F.pmod(F.xxhash64("id"), F.col("_n"))
    return joined.select(*map(quoted, kept.columns), number.cast("int").alias(_NUMBER)), max(1, n_files)


def _mib(spark: SparkSession, path: str) -> float:
    n_bytes = sum(files.n_bytes(spark, f"{path}/{name}") for name in files.list_files(spark, path))
    return round(n_bytes / 2**20, 6)
