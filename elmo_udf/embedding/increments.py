"""Finds what of the input must be embedded, given a table that has the rest, and divides it into portions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.embedding.plan import Plan, n_characters_of
from elmo_udf.embedding.reasons import count_reasons
from elmo_udf.embedding.rows import checked_documents
from elmo_udf.embedding.work import estimated_seconds
from elmo_udf.spark.tables import read_rows

_PART, _THERE = "_part", "_there"

_PARTS_A_COMMIT = 8
"""Number of parts per commit by the estimated work, which may be several times too low.

A commit is not delayed by it.
"""
_MOST_PARTS = 512


@dataclass(frozen=True)
class Found:
    """The input compared with the table, counted in rows of the input."""

    n_new: int
    """The number of rows to embed: their id is not in the table, or its newest row has another content hash."""
    n_unchanged: int
    n_rejected: dict[str, int]
    """The number of rejected rows by reason. Some reasons only become known while they are embedded."""
    n_characters: int
    """The number of characters in the texts to embed."""


def beside_table(spark: SparkSession, plan: Plan, options: EmbedOptions, is_there: bool) -> DataFrame:
    """Returns :func:`checked_documents` of the input with ``_there``: whether the table has that id and text."""
    checked = checked_documents(plan.documents)
    if not is_there:
        return checked.withColumn(_THERE, F.lit(False))
    versions = read_rows(spark, options.output).groupBy("id")
    newest = versions.agg(F.max(F.struct("embedded_at", "content_hash"))["content_hash"].alias("content_hash"))
    joined = checked.join(newest.withColumn(_THERE, F.lit(True)), ["id", "content_hash"], "left")
    return joined.withColumn(_THERE, F.col(_THERE).isNotNull() & F.col("_reason").isNull())


def write_found(rows: DataFrame, path: str) -> Found:
    """Writes the rows of :func:`beside_table` that are new or rejected to ``path``, in one pass.

    Returns their counts.
    """
    seen = Observation()
    counted = rows.observe(seen, *_counts(rows))
    counted.where(~F.col(_THERE)).drop(_THERE).write.parquet(path)
    return _found(seen.get, rows.sparkSession.read.parquet(path))


def count_found(rows: DataFrame) -> Found:
    """Returns the same counts, and writes nothing."""
    return _found(rows.agg(*_counts(rows)).collect()[0].asDict(), rows)


def _counts(rows: DataFrame) -> list[Column]:
    is_new = F.col("_reason").isNull() & ~F.col(_THERE)
    return [
        F.count_if(is_new).alias("n_new"),
        F.count_if(_THERE).alias("n_unchanged"),
        F.count_if(F.col("_reason").isNotNull()).alias("n_rejected"),
        F.sum(F.when(is_new, n_characters_of(rows))).alias("n_characters"),
    ]


def _found(counts: dict[str, int | None], rows: DataFrame) -> Found:
    rejected = count_reasons(rows.where("_reason IS NOT NULL"))[1] if counts["n_rejected"] else {}
    return Found(counts["n_new"] or 0, counts["n_unchanged"] or 0, rejected, counts["n_characters"] or 0)


def count_parts(plan: Plan, options: EmbedOptions, found: Found) -> int:
    """Returns the number of parts of the work: one per commit for a number of documents, several for a time."""
    n_documents, seconds = options.commit_interval()
    if n_documents is not None:
        return max(1, math.ceil(found.n_new / n_documents))
    estimate = estimated_seconds(found.n_characters, plan.model.network, plan.stage.cpus) / plan.stage.slots
    parts = math.ceil(estimate / (seconds or math.inf) * _PARTS_A_COMMIT)
    return min(max(1, parts), _MOST_PARTS, max(1, found.n_new))


def divide(spark: SparkSession, path: str, n_parts: int, divided: str) -> None:
    """Writes the good documents at ``path`` to ``divided``, in folders ``_part=0``, ... Equal texts are in one part."""
    rows = spark.read.parquet(path).where("_reason IS NULL")
    part = F.pmod(F.xxhash64("content_hash"), F.lit(n_parts)).cast("int")
    rows.withColumn(_PART, part).hint("rebalance", _PART).write.partitionBy(_PART).parquet(divided)


def parts_of(spark: SparkSession, path: str, divided: str, n_parts: int, parts: range) -> DataFrame:
    """Returns the good documents of some parts that :func:`divide` wrote.

    If there is one part, ``path`` has them all.
    """
    if n_parts == 1:
        return spark.read.parquet(path).where("_reason IS NULL")
    return spark.read.parquet(divided).where(F.col(_PART).between(parts.start, parts.stop - 1)).drop(_PART)


def next_parts(done: range, n_parts: int, seconds: float, options: EmbedOptions) -> range:
    """Returns the parts of the next commit, after those that took ``seconds``.

    If commits count documents, all have the same size.
    """
    _, every_s = options.commit_interval()
    size = 1 if every_s is None else max(1, round(len(done) * every_s / max(seconds, 1e-3)))
    return range(done.stop, min(done.stop + size, n_parts))
