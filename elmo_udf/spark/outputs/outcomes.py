"""Reads staged rows back: the counts that the report proves itself with, and the rejects table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.spark.inputs.columns import quoted
from elmo_udf.spark.outputs.additions import rejects_schema


@dataclass(frozen=True)
class Counts:
    """What one run wrote. Documents are counted once, however many rows they have."""

    n_embedded: int
    rejected: dict[str, int]
    """Documents by reason."""
    n_rows: int
    """Of the embedding table, like the sums that follow."""
    n_tokens: int
    n_truncated: int

    def __add__(self, other: Counts) -> Counts:
        reasons = sorted({*self.rejected, *other.rejected})
        return Counts(
            self.n_embedded + other.n_embedded,
            {reason: self.rejected.get(reason, 0) + other.rejected.get(reason, 0) for reason in reasons},
            self.n_rows + other.n_rows,
            self.n_tokens + other.n_tokens,
            self.n_truncated + other.n_truncated,
        )

    @property
    def n_rejected(self) -> int:
        """Documents rejected for whatever reason."""
        return sum(self.rejected.values())


def staged_rows(spark: SparkSession, path: str, schema: T.StructType) -> DataFrame:
    """What a run has staged at ``path``; with its schema, for values that are names of folders tell no type."""
    return spark.read.schema(schema).parquet(path)


def count_outcomes(rows: DataFrame, level: str) -> Counts:
    """Counts of the staged ``rows``, read back from their files."""
    first = F.lit(True)
    for index in ("sentence_index", "token_index"):
        if level != "document" and index in rows.columns:
            first &= F.coalesce(F.col(index), F.lit(0)) == 0
    sums = rows.groupBy("_outcome").agg(F.sum(first.cast("int")), F.count("*"), F.sum("n_tokens"), F.sum("n_truncated"))
    found = {outcome: values for outcome, *values in sums.collect()}
    n_embedded, n_rows, n_tokens, n_truncated = found.pop("embedded", (0, 0, 0, 0))
    rejected = {reason: values[0] for reason, values in sorted(found.items())}
    return Counts(n_embedded, rejected, n_rows, n_tokens, n_truncated)


def rejects_of(rows: DataFrame, folders: Sequence[str] = ()) -> DataFrame:
    """The rejects table (id, reason, detail, then ``folders``) of staged rows, where ``model`` holds the detail."""
    reason, detail = F.col("_outcome").alias("reason"), F.col("model").alias("detail")
    table = rows.where(F.col("_outcome") != "embedded").select("id", reason, detail, *map(quoted, folders))
    return table.to(rejects_schema(rows.schema["id"].dataType, [rows.schema[name] for name in folders]))
