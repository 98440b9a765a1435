"""Checks pairs and their distinct texts, and writes them once, so that every later pass reads the same rows."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.embedding.reasons import (
    count_reasons,
    first_of_each_id,
    is_blank,
    malformed,
    not_utf8,
    null,
    with_first_fault,
    with_readable_ids,
)
from elmo_udf.errors import UserError
from elmo_udf.spark.complaints import reading
from elmo_udf.spark.inputs.columns import MALFORMED


@dataclass(frozen=True)
class StagedPairs:
    """Pairs and their distinct texts.

    ``table`` has id, label, key_a, key_b (SHA-256 of the texts), reason (NULL for a good pair), detail, a and b.
    ``texts`` has every distinct text of the good pairs once: key, text.
    """

    table: DataFrame
    texts: DataFrame
    n_rows: int
    reasons: dict[str, int]
    """The number of pairs that can't be used, by reason."""

    @property
    def good(self) -> DataFrame:
        """The pairs without a reason against them."""
        return self.table.where("reason IS NULL")


def stage_pairs(
    spark: SparkSession, pairs: DataFrame, folder: str, what: str, needs_label: bool = False
) -> StagedPairs:
    """Checks pairs (columns PAIR) and writes them to ``folder``. Raises UserError for labels that are not numbers.

    With ``needs_label``, a pair without a label can't be used (reason ``null_label``).
    """
    checked = _checked(pairs, needs_label)
    with reading(what, "files of one format and with the same columns"):
        checked.drop(MALFORMED).write.parquet(f"{folder}/pairs")
    table = spark.read.parquet(f"{folder}/pairs")
    _check_labels(table, what)
    n_good, counts = count_reasons(table, "reason")
    n_rows = n_good + sum(counts.values())
    if not n_rows:
        raise UserError(f"{what} has no rows, expected at least one pair; check path and format")
    good = table.where("reason IS NULL")
    sides = [good.select(F.col(f"key_{side}").alias("key"), F.col(side).alias("text")) for side in "ab"]
    sides[0].unionAll(sides[1]).dropDuplicates(["key"]).write.parquet(f"{folder}/texts")
    texts = spark.read.parquet(f"{folder}/texts")
    return StagedPairs(table.drop("label_found"), texts, n_rows, counts)


def _checked(pairs: DataFrame, needs_label: bool) -> DataFrame:
    """Returns the pairs with ``key_a``, ``key_b``, and ``reason`` and ``detail`` of the first thing wrong with each."""
    faults = [malformed(), null("id", "id", "null_id"), not_utf8(pairs, "id", "id")]
    for side, what in (("a", "first text"), ("b", "second text")):
        faults += [null(side, what, "null_text"), not_utf8(pairs, side, what)]
        faults.append((is_blank(F.col(side)), "blank_text", F.lit(f"the {what} has no visible character")))
    if needs_label:
        faults.append(null("label_found", "label", "null_label"))
    keyed = pairs.withColumns({f"key_{side}": F.sha2(side, 256) for side in "ab"})
    order, detail = ["key_a", "key_b", "label_found"], F.lit("another pair of this id is kept")
    checked = first_of_each_id(with_readable_ids(with_first_fault(keyed, faults)), order, lambda rows: detail)
    return checked.withColumnsRenamed({"_reason": "reason", "_detail": "detail"})


def _check_labels(table: DataFrame, what: str) -> None:
    is_number = F.col("label").isNotNull() & ~F.isnan("label") & (F.abs("label") != F.lit(float("inf")))
    wrong = table.where(F.col("label_found").isNotNull() & F.col("reason").isNull() & ~is_number)
    n, example = wrong.agg(F.count("*"), F.min("label_found")).collect()[0]
    if n:
        raise UserError(
            f"{what} has {n:,} labels that are not numbers, such as {example[:40]!r}; expected scores, or 0 and 1; "
            "name another column with --label-column, or leave out these rows"
        )
