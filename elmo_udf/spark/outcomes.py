"""Reads staged rows back: the counts that the report proves itself with, and the rejects table."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.spark.tables import rejects_schema


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

    @property
    def n_rejected(self) -> int:
        """Documents rejected for whatever reason."""
        return sum(self.rejected.values())


def count_outcomes(spark: SparkSession, rows: str, level: str) -> Counts:
    """Counts of the staged rows at ``rows``, read back from their files."""
    table = spark.read.parquet(rows)
    first = F.lit(True)
    for index in ("sentence_index", "token_index"):
        if level != "document" and index in table.columns:
            first &= F.coalesce(F.col(index), F.lit(0)) == 0
    sums = table.groupBy("_outcome").agg(
        F.sum(first.cast("int")), F.count("*"), F.sum("n_tokens"), F.sum("n_truncated")
    )
    found = {outcome: values for outcome, *values in sums.collect()}
    n_embedded, n_rows, n_tokens, n_truncated = found.pop("embedded", (0, 0, 0, 0))
    rejected = {reason: values[0] for reason, values in sorted(found.items())}
    return Counts(n_embedded, rejected, n_rows, n_tokens, n_truncated)


def write_rejects(spark: SparkSession, rows: str, rejects: str, id_type: T.DataType) -> None:
    """The rejects table (id, reason, detail) from the staged rows, where ``model`` holds the detail."""
    staged = spark.read.parquet(rows).where(F.col("_outcome") != "embedded")
    reason, detail = F.col("_outcome").alias("reason"), F.col("model").alias("detail")
    table = staged.select(F.col("id").cast(id_type).alias("id"), reason, detail)
    table.to(rejects_schema(id_type)).coalesce(1).write.parquet(rejects)
