"""Reads comma-separated and tab-separated values."""

from __future__ import annotations

from pyspark.sql import DataFrame, DataFrameReader, SparkSession

from elmo_udf.options import InputOptions
from elmo_udf.spark.inputs.columns import MALFORMED, with_malformed


def read_csv(spark: SparkSession, options: InputOptions) -> DataFrame:
    """Returns the columns that the header names, all strings, and MALFORMED.

    CSV as RFC 4180 has it: a quote within quotes is doubled, and a quoted field may hold line breaks.
    """
    return _read(spark.read.option("multiLine", True).option("quote", '"').option("escape", '"'), options)


def read_tsv(spark: SparkSession, options: InputOptions) -> DataFrame:
    """Returns the same of tab-separated values as IANA defines them.

    A line is a row, and a quote is a character like any other, since one that is not closed would swallow the lines
    after it.
    """
    return _read(spark.read.option("sep", "\t").option("quote", "").option("escape", ""), options)


def _read(reader: DataFrameReader, options: InputOptions) -> DataFrame:
    """Returns the rows; those with another number of fields than the header are MALFORMED."""
    paths = list(options.paths)
    reader = reader.option("header", True).option("columnPruning", False)  # which would not see missing fields
    table = reader.csv(paths)
    if not table.columns:
        return table
    # Spark reads all files by the first one's header, and compares it with theirs only when told to.
    reader = reader.option("enforceSchema", _has_made_up_names(table.columns))
    return reader.option("columnNameOfCorruptRecord", MALFORMED).schema(with_malformed(table, options)).csv(paths)


def _has_made_up_names(columns: list[str]) -> bool:
    """Returns whether Spark may have renamed columns of a CSV file, as it does if names are empty or equal."""
    stems = [name.lower().removesuffix(str(i)) for i, name in enumerate(columns) if name.endswith(str(i))]
    return "_c" in stems or len(set(stems)) < len(stems)
