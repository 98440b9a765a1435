"""Reads staged rows back: the counts that the report proves itself with, and the rejects table."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T


def count_outcomes(spark: SparkSession, rows: str, level: str) -> tuple[dict[str, int], dict[str, int]]:
    """Documents by outcome, and sums over the rows of the table, both as written."""
    table = spark.read.parquet(rows)
    first = F.lit(True)
    for index in ("sentence_index", "token_index"):
        if index in table.columns:
            first &= F.coalesce(F.col(index), F.lit(0)) == 0
    counts = table.groupBy("_outcome").agg(
        F.sum(first.cast("int")), F.count("*"), F.sum("n_tokens"), F.sum("n_truncated")
    )
    outcomes, totals = {}, {"n_rows_written": 0, "n_tokens": 0, "n_truncated": 0}
    for outcome, n_documents, n_rows, n_tokens, n_truncated in counts.collect():
        outcomes[outcome] = n_documents
        if outcome == "embedded":
            totals = {"n_rows_written": n_rows, "n_tokens": n_tokens, "n_truncated": n_truncated}
    return outcomes, totals


def write_rejects(spark: SparkSession, rows: str, rejects: str, id_type: T.DataType) -> None:
    """The rejects table (id, reason, detail) from the staged rows, where ``model`` holds the detail."""
    staged = spark.read.parquet(rows).where(F.col("_outcome") != "embedded")
    reason, detail = F.col("_outcome").alias("reason"), F.col("model").alias("detail")
    staged.select(F.col("id").cast(id_type).alias("id"), reason, detail).coalesce(1).write.parquet(rejects)
