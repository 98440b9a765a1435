"""Says why rows of the input can't be used, as far as Spark can tell: before a tokenizer or a network sees them.

A row without fault has NULL in ``_reason`` and ``_detail``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.spark.inputs.columns import MALFORMED
from elmo_udf.spark.inputs.documents import TEXT
from elmo_udf.text.invisible import INVISIBLE

Fault = tuple[Column, str, Column]
"""A fault: whether a row has it, its reason, and the detail that the rejects table gets."""


def with_first_fault(rows: DataFrame, faults: Sequence[Fault]) -> DataFrame:
    """Returns the rows with the first of the faults that each has, in ``_reason`` and ``_detail``."""
    reasons, details = zip(*((F.when(has, F.lit(name)), F.when(has, what)) for has, name, what in faults), strict=True)
    return rows.withColumns({"_reason": F.coalesce(*reasons), "_detail": F.coalesce(*details)})


def malformed() -> Fault:
    """Returns the fault of a record that could not be read as its format prescribes."""
    shown = F.make_valid_utf8(F.substring(F.col(MALFORMED), 1, 200))
    return F.col(MALFORMED).isNotNull(), "malformed_record", shown


def null(name: str, what: str, reason: str) -> Fault:
    """Returns the fault of a column of that name that is NULL."""
    return F.col(name).isNull(), reason, F.lit(f"the {what} is NULL")


def not_utf8(rows: DataFrame, name: str, what: str) -> Fault:
    """Returns the fault of a string that is not UTF-8. Spark reads such strings from files, but Python can't."""
    return ~_is_utf8(F.col(name), rows.schema[name].dataType), "not_utf8", F.lit(f"the {what} is not UTF-8")


def is_blank(text: Column) -> Column:
    """Returns whether a string is empty, or has only white space and invisible characters."""
    return text.rlike(rf"(?U)^[\s{INVISIBLE}]*$")


def with_reasons(documents: DataFrame, needs_id: bool = True) -> DataFrame:
    """Returns the documents with their ``content_hash``, and what is wrong with each.

    ``needs_id``: whether a row without an id, or with one that can't be read, is wrong too.
    """
    text = F.col(TEXT)
    if isinstance(documents.schema[TEXT].dataType, T.ArrayType):
        text = F.to_json(TEXT)
        blank = F.lit(False)  # lists of tokens may be empty in many ways: the tokenizer tells
    else:
        blank = is_blank(text)
    faults = [
        malformed(),
        *([null("id", "id", "null_id"), not_utf8(documents, "id", "id")] if needs_id else []),
        not_utf8(documents, TEXT, "text"),
        null(TEXT, "text", "null_text"),
        (blank, "blank_text", F.format_string("none of the text's %d characters is visible", F.length(text))),
    ]
    return with_readable_ids(with_first_fault(documents.withColumn("content_hash", F.sha2(text, 256)), faults))


def with_readable_ids(rows: DataFrame) -> DataFrame:
    """Returns the rows with U+FFFD for what is not UTF-8 in their ids, so that every id in the rejects can be read."""
    is_string = isinstance(rows.schema["id"].dataType, T.StringType)
    return rows.withColumn("id", F.make_valid_utf8("id")) if is_string else rows


def first_of_each_id(
    rows: DataFrame, order: Sequence[str | Column], detail: Callable[[WindowSpec], Column]
) -> DataFrame:
    """Returns the rows. Of rows without a fault that share an id, all but the first by ``order`` get one.

    So the order of the input decides nothing. ``detail`` says of the others, over the rows in order, what is kept.
    """
    good = F.col("_reason").isNull()
    # Rows that are rejected already compete with none; a hash keeps them from all meeting in one task.
    window = Window.partitionBy("id", "_apart").orderBy(*order)
    again = F.col("_duplicate")
    found = rows.withColumn("_apart", F.when(~good, F.xxhash64(*order)))
    return (
        found.withColumn("_duplicate", good & (F.row_number().over(window) > 1))
        .withColumn("_detail", F.when(again, detail(window)).otherwise(F.col("_detail")))
        .withColumn("_reason", F.when(again, F.lit("duplicate_id")).otherwise(F.col("_reason")))
        .drop("_apart", "_duplicate")
    )


def count_reasons(rows: DataFrame, column: str = "_reason") -> tuple[int, dict[str, int]]:
    """Returns the number of rows without fault, and those of each reason."""
    counts = {row[0]: row[1] for row in rows.groupBy(column).count().collect()}
    n_good = counts.pop(None, 0)
    return n_good, dict(sorted(counts.items()))


def _is_utf8(column: Column, kind: T.DataType) -> Column:
    """Returns whether all strings in the column are valid UTF-8. NULL is."""
    if isinstance(kind, T.ArrayType):
        return F.coalesce(F.forall(column, lambda item: _is_utf8(item, kind.elementType)), F.lit(True))
    return F.coalesce(F.is_valid_utf8(column), F.lit(True)) if isinstance(kind, T.StringType) else F.lit(True)
