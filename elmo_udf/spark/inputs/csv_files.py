"""Comma-separated and tab-separated values."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from elmo_udf.options import InputOptions
from elmo_udf.spark.inputs.columns import MALFORMED, with_malformed
from elmo_udf.spark.inputs.names import is_glob, suffix_format, visible_entries


def read_csv(spark: SparkSession, options: InputOptions) -> DataFrame:
    """The columns that the header names, all strings, and MALFORMED: rows with another number of fields than it.

    CSV as RFC 4180 has it: a quote within quotes is doubled, and a quoted field may hold line breaks. Tab-separated
    values as IANA defines them: a line a row, and a quote is a character like any other, since one that is not closed
    would swallow the lines after it.
    """
    path = options.input
    reader = spark.read.option("header", True).option("columnPruning", False)  # which would not see missing fields
    if _is_tsv(spark, path):
        reader = reader.option("sep", "\t").option("quote", "").option("escape", "")
    else:
        reader = reader.option("multiLine", True).option("quote", '"').option("escape", '"')
    table = reader.csv(path)
    if not table.columns:
        return table
    # Spark reads all files by the first one's header, and compares it with theirs only when told to.
    reader = reader.option("enforceSchema", _has_made_up_names(table.columns))
    return reader.option("columnNameOfCorruptRecord", MALFORMED).schema(with_malformed(table, path)).csv(path)


def _is_tsv(spark: SparkSession, path: str) -> bool:
    """Whether the names say tab-separated values: that of the path, or of the files in it."""
    names = [] if is_glob(path) else [name for name, is_folder in visible_entries(spark, path) if not is_folder]
    return "tsv" in {suffix_format(name) for name in [path.rstrip("/"), *names]}


def _has_made_up_names(columns: list[str]) -> bool:
    """Whether Spark may have renamed columns of a CSV file, as it does by position where names are empty or equal."""
    stems = [name.lower().removesuffix(str(i)) for i, name in enumerate(columns) if name.endswith(str(i))]
    return "_c" in stems or len(set(stems)) < len(stems)
