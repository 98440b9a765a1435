"""Rows with their outcome: how one write stages them, the counts that prove the report, and the rejects table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.spark.inputs.columns import quoted
from elmo_udf.spark.outputs.additions import rejects_schema

OUTCOME, DETAIL = "_outcome", "_outcome_detail"
"""Columns beside those of the table: EMBEDDED, or the reason of a rejection; and what there is to say of that."""
EMBEDDED = "embedded"


@dataclass(frozen=True)
class Counts:
    """What one run wrote. A document is counted once, however many rows it has."""

    n_embedded: int
    rejected: dict[str, int]
    """The number of rejected documents by reason."""
    n_rows: int
    """The number of rows of the embedding table. The following sums are over these rows."""
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
        """The number of rejected documents."""
        return sum(self.rejected.values())


def to_stage(rows: DataFrame) -> DataFrame:
    """Returns the rows for one write that is partitioned by OUTCOME; :func:`staged_rows` reads them back.

    All files of one write have the same columns, and those of the embedded rows become the table, which has none for a
    detail. So in the files of rejected rows the column ``model``, which would be NULL there, has it.
    """
    in_file = F.when(F.col(OUTCOME) == EMBEDDED, F.col("model")).otherwise(F.col(DETAIL))
    return rows.withColumn("model", in_file).drop(DETAIL)


def staged_rows(spark: SparkSession, path: str, schema: T.StructType) -> DataFrame:
    """Returns the rows that were given to :func:`to_stage`, from the files at ``path``.

    ``schema`` is that of the files, for values that are names of folders tell no type.
    """
    rows, is_embedded = spark.read.schema(schema).parquet(path), F.col(OUTCOME) == EMBEDDED
    model = F.col("model")
    return rows.withColumns({DETAIL: F.when(~is_embedded, model), "model": F.when(is_embedded, model)})


def count_outcomes(rows: DataFrame, level: str) -> Counts:
    """Returns counts of the staged ``rows``, read back from their files."""
    first = F.lit(True)
    for index in ("sentence_index", "token_index"):
        if level != "document" and index in rows.columns:
            first &= F.coalesce(F.col(index), F.lit(0)) == 0
    sums = rows.groupBy(OUTCOME).agg(F.sum(first.cast("int")), F.count("*"), F.sum("n_tokens"), F.sum("n_truncated"))
    found = {outcome: values for outcome, *values in sums.collect()}
    n_embedded, n_rows, n_tokens, n_truncated = found.pop(EMBEDDED, (0, 0, 0, 0))
    rejected = {reason: values[0] for reason, values in sorted(found.items())}
    return Counts(n_embedded, rejected, n_rows, n_tokens, n_truncated)


def rejects_of(rows: DataFrame, folders: Sequence[str] = ()) -> DataFrame:
    """Returns the rejects table (id, reason, detail, then ``folders``) of rows with their outcome."""
    reason, detail = F.col(OUTCOME).alias("reason"), F.col(DETAIL).alias("detail")
    table = rows.where(F.col(OUTCOME) != EMBEDDED).select("id", reason, detail, *map(quoted, folders))
    return table.to(rejects_schema(rows.schema["id"].dataType, [rows.schema[name] for name in folders]))
