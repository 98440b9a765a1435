"""Pairs and their distinct texts, checked and written aside once, so that every later pass reads the same rows."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.spark.complaints import reading
from elmo_udf.spark.inputs.columns import MALFORMED

_BLANK = r"(?U)^\s*$"


@dataclass(frozen=True)
class StagedPairs:
    """``table``: id, label, key_a, key_b (SHA-256 of the texts), reason (NULL for a good pair), detail, a, b.

    ``texts``: every distinct text of the good pairs once: key, text.
    """

    table: DataFrame
    texts: DataFrame
    n_rows: int
    reasons: dict[str, int]
    """Pairs that can't be used, by reason."""

    @property
    def good(self) -> DataFrame:
        """The pairs without a reason against them."""
        return self.table.where("reason IS NULL")


def stage_pairs(
    spark: SparkSession, pairs: DataFrame, folder: str, what: str, needs_label: bool = False
) -> StagedPairs:
    """Check pairs (columns PAIR) and write them into ``folder``. Raises UserError for labels that are no numbers.

    ``needs_label``: a pair without a label is of no use (reason ``null_label``).
    """
    checked = _first_of_each_id(_with_reasons(pairs, needs_label))
    with reading(what, "files of one format and with the same columns"):
        checked.drop(MALFORMED).write.parquet(f"{folder}/pairs")
    table = spark.read.parquet(f"{folder}/pairs")
    _check_labels(table, what)
    counts = {row.reason: row["count"] for row in table.groupBy("reason").count().collect()}
    n_rows = sum(counts.values())
    if not n_rows:
        raise UserError(f"{what} has no rows, expected at least one pair; check path and format")
    counts.pop(None, None)
    good = table.where("reason IS NULL")
    sides = [good.select(F.col(f"key_{side}").alias("key"), F.col(side).alias("text")) for side in "ab"]
    sides[0].unionAll(sides[1]).dropDuplicates(["key"]).write.parquet(f"{folder}/texts")
    texts = spark.read.parquet(f"{folder}/texts")
    return StagedPairs(table.drop("label_found"), texts, n_rows, dict(sorted(counts.items())))


def _with_reasons(pairs: DataFrame, needs_label: bool) -> DataFrame:
    """``key_a``, ``key_b``, ``reason`` and ``detail``: the first thing that is wrong with a pair."""
    checks: list[tuple[Column, str, Column]] = [
        (F.col(MALFORMED).isNotNull(), "malformed_record", F.make_valid_utf8(F.substring(F.col(MALFORMED), 1, 200))),
        (F.col("id").isNull(), "null_id", F.lit("the id is NULL")),
    ]
    if isinstance(pairs.schema["id"].dataType, T.StringType):
        checks.append((~F.is_valid_utf8("id"), "not_utf8", F.lit("the id is not UTF-8")))
        pairs = pairs.withColumn("id", F.make_valid_utf8("id"))
    for side, name in (("a", "first"), ("b", "second")):
        text = F.col(side)
        checks += [
            (text.isNull(), "null_text", F.lit(f"the {name} text is NULL")),
            (~F.is_valid_utf8(text), "not_utf8", F.lit(f"the {name} text is not UTF-8")),
            (text.rlike(_BLANK), "blank_text", F.lit(f"the {name} text is white space")),
        ]
    if needs_label:
        checks.append((F.col("label_found").isNull(), "null_label", F.lit("the label is NULL")))
    return pairs.select(
        "*",
        F.sha2("a", 256).alias("key_a"),
        F.sha2("b", 256).alias("key_b"),
        F.coalesce(*[F.when(found, F.lit(reason)) for found, reason, _ in checks]).alias("reason"),
        F.coalesce(*[F.when(found, detail) for found, _, detail in checks]).alias("detail"),
    )


def _first_of_each_id(pairs: DataFrame) -> DataFrame:
    """Of the good pairs that share an id the one with the smallest hashes stays, whatever the order of the input."""
    good = F.col("reason").isNull()
    # pairs that are rejected already compete with none; a hash keeps them from all meeting in one task
    apart = F.when(~good, F.coalesce(F.concat("key_a", "key_b"), F.lit(MALFORMED)))
    order = Window.partitionBy("id", "_apart").orderBy("key_a", "key_b", "label_found")
    duplicate = F.col("_duplicate")
    return (
        pairs.withColumn("_apart", apart)
        .withColumn("_duplicate", good & (F.row_number().over(order) > 1))
        .withColumn("reason", F.when(duplicate, F.lit("duplicate_id")).otherwise(F.col("reason")))
        .withColumn("detail", F.when(duplicate, F.lit("another pair of this id is kept")).otherwise(F.col("detail")))
        .drop("_apart", "_duplicate")
    )


def _check_labels(table: DataFrame, what: str) -> None:
    is_number = F.col("label").isNotNull() & ~F.isnan("label") & (F.abs("label") != F.lit(float("inf")))
    wrong = table.where(F.col("label_found").isNotNull() & F.col("reason").isNull() & ~is_number)
    n, example = wrong.agg(F.count("*"), F.min("label_found")).collect()[0]
    if n:
        raise UserError(
            f"{what} has {n:,} labels that are no numbers, such as {example[:40]!r}; expected scores, or 0 and 1; "
            "name another column with --label-column, or leave these rows out"
        )
