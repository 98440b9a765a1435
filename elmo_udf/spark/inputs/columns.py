"""Selects columns of an input by their exact names, and adds columns for positions and for malformed records."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.options import InputOptions

MALFORMED = "_malformed"
"""Column with a line of JSON that is not an object, or a row of CSV with too few or too many fields; otherwise NULL."""


def quoted(name: str) -> Column:
    """Returns the column with exactly this name, whatever characters it contains."""
    return F.col("`" + name.replace("`", "``") + "`")


def find_column(table: DataFrame, name: str) -> tuple[Column, T.DataType] | None:
    """Returns a column and its type, or None if there is none.

    A name of no column may be a path of names with dots between them, which leads to a field of a struct.
    """
    if name in table.columns:
        return quoted(name), table.schema[name].dataType
    parts = name.split(".")
    for n in range(len(parts) - 1, 0, -1):
        if (first := ".".join(parts[:n])) in table.columns:
            return _field(quoted(first), table.schema[first].dataType, parts[n:])
    return None


def _field(column: Column, kind: T.DataType, path: list[str]) -> tuple[Column, T.DataType] | None:
    """Returns the field at a path from a struct. Names of fields may hold dots, too."""
    if not path:
        return column, kind
    for n in range(len(path), 0, -1):
        name = ".".join(path[:n])
        if isinstance(kind, T.StructType) and name in kind.names:
            return _field(column.getField(name), kind[name].dataType, path[n:])
    return None


def with_malformed(table: DataFrame, options: InputOptions) -> T.StructType:
    """Returns the table's schema with MALFORMED."""
    for name in table.columns:
        if name.lower() == MALFORMED:
            raise UserError(
                f"input {options.input!r} has a column {name!r}, where records that can't be read are put; expected no "
                "such column; rename it"
            )
    return T.StructType([*table.schema.fields, T.StructField(MALFORMED, T.StringType())])


def file_path() -> Column:
    """Returns the file of a row. Local files have no scheme."""
    # A plus in a path is a plus, and not a space, as in forms.
    return F.regexp_replace(F.url_decode(F.regexp_replace("_metadata.file_path", r"\+", "%2B")), "^file:/+", "/")


def with_places(table: DataFrame, name: str) -> DataFrame:
    """Adds the column ``name`` with the position of each row: ``file:row``, counted from 1 without headers.

    Spark reads a file in blocks, each in order within one task, and monotonically_increasing_id continues within a
    task. So the number of a row is its distance from the first row of its block, plus the rows of the blocks before.
    """
    rows = table.select(
        "*",
        file_path().alias("_file"),
        F.col("_metadata.file_block_start").alias("_block"),
        F.monotonically_increasing_id().alias("_position"),
    )
    blocks = rows.groupBy("_file", "_block").agg(F.min("_position").alias("_first"), F.count("*").alias("_n"))
    before = Window.partitionBy("_file").orderBy("_block").rowsBetween(Window.unboundedPreceding, -1)
    blocks = blocks.withColumn("_before", F.coalesce(F.sum("_n").over(before), F.lit(0))).drop("_n")
    row = F.col("_position") - F.col("_first") + F.col("_before") + 1
    joined = rows.join(F.broadcast(blocks), ["_file", "_block"])
    placed = joined.withColumn(name, F.concat_ws(":", "_file", row.cast("string")))
    return placed.select(*(quoted(column) for column in table.columns), name)
