"""Reads pairs of texts from Parquet, CSV, tab-separated files and JSON lines."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.evaluation.options import PairInput
from elmo_udf.options import InputOptions
from elmo_udf.spark.inputs.columns import MALFORMED, quoted, with_places
from elmo_udf.spark.inputs.documents import check_id_type
from elmo_udf.spark.inputs.formats import read_input

PAIR = ("id", "a", "b", "label", "label_found", MALFORMED)
"""Columns of pairs. label is a double (NULL if it is not a number), and label_found is the string that was read."""


def read_pairs(
    spark: SparkSession, options: PairInput, path: str | tuple[str, ...], label_column: str | None
) -> DataFrame:
    """Returns the pairs at ``path`` with the columns PAIR. Only schemas and names are read.

    Raises UserError if the input does not exist or can't be read, and if columns are missing or have a wrong type.
    """
    kind, table = read_input(spark, InputOptions(input=path, input_format=options.input_format))
    if kind == "text":
        raise UserError(f"input {path!r} is text, expected a table with two text columns: Parquet, CSV or JSON lines")
    _check_columns(table, options, path, label_column)
    label = quoted(label_column) if label_column else F.lit(None)
    malformed = quoted(MALFORMED) if MALFORMED in table.columns else F.lit(None)
    rows = _with_ids(table, options.id_column or ("id" if "id" in table.columns else None))
    return rows.select(
        F.col("_id").alias("id"),
        quoted(options.text_column_a).alias("a"),
        quoted(options.text_column_b).alias("b"),
        label.try_cast("double").alias("label"),
        label.cast("string").alias("label_found"),
        malformed.cast("string").alias(MALFORMED),
    )


def _with_ids(table: DataFrame, id_column: str | None) -> DataFrame:
    """Adds a column ``_id``: the column that is named, or the file and the number of the row in it."""
    return with_places(table, "_id") if id_column is None else table.withColumn("_id", quoted(id_column))


def _check_columns(table: DataFrame, options: PairInput, path: str | tuple[str, ...], label_column: str | None) -> None:
    found = [name for name in table.columns if name != MALFORMED]
    flags = {"--text-column-a": options.text_column_a, "--text-column-b": options.text_column_b}
    flags |= {"--id-column": options.id_column or found[0]} if found else {}
    flags |= {"--label-column": label_column} if label_column is not None else {}
    for flag, name in flags.items():
        if name not in found:
            raise UserError(f"column {name!r} is not in input {path!r}; found {found}; name another with {flag}")
    for flag in ("--text-column-a", "--text-column-b"):
        kind = table.schema[flags[flag]].dataType
        if not isinstance(kind, T.StringType):
            raise UserError(
                f"text column {flags[flag]!r} is {kind.simpleString()}, expected string; name another with {flag}"
            )
    if options.id_column is not None or "id" in found:
        check_id_type(table.schema[options.id_column or "id"].dataType, options.id_column or "id")
