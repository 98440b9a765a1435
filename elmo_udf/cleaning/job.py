"""Implements jobs/clean.py as one function."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.cleaning.columns import clean_column, is_blank
from elmo_udf.cleaning.options import CleanOptions
from elmo_udf.errors import UserError
from elmo_udf.options import InputOptions
from elmo_udf.spark.complaints import reading
from elmo_udf.spark.inputs.columns import MALFORMED, quoted
from elmo_udf.spark.inputs.formats import read_input
from elmo_udf.spark.outputs.transaction import Transaction, in_transaction
from elmo_udf.spark.outputs.written import Output, Written


def clean_corpus(spark: SparkSession, options: CleanOptions) -> dict[str, Any]:
    """Writes ``options.input`` with its text cleaned to ``options.output``. Returns the report.

    Every row and every column stays. ``options.blank_column`` marks the texts of which nothing is left. Raises
    UserError if the input has no such text column, or if the output exists.
    """
    read = {"input": options.input}
    written = Written.of(options, [Output("output", options.output, ("cleaned",))], read)
    return in_transaction(spark, written, lambda work: _clean(work, options))


def _clean(work: Transaction, options: CleanOptions) -> dict[str, Any]:
    spark = work.spark
    kind, table = read_input(spark, InputOptions.of(options))
    _check_columns(table, options)
    report: dict[str, Any] = {
        "input": options.input,
        "input_format": kind,
        "steps": ", ".join(options.steps),
        "language": options.language if "lemmas" in options.steps else "",
        "output": options.output,
    }
    if options.dry_run:
        return report | {"columns": ", ".join(name for name in table.columns if name != MALFORMED)}
    seen = Observation()
    cleaned = cleaned_table(table.observe(seen, *_counts(table, options)), options)
    staged = f"{work.folder('output')}/table"
    with reading(f"input {options.input!r}", f"{kind} files of the same columns"):
        cleaned.write.parquet(staged)
    written = spark.read.parquet(staged)
    rows_out, rows_blank = written.select(F.count("*"), F.count_if(quoted(options.blank_column))).collect()[0]
    if rows_out != seen.get["rows_in"]:
        raise RuntimeError(f"{seen.get['rows_in']} rows were read, but {rows_out} written; nothing was put in place")
    sidecar = {"table": "cleaned"} | {name: getattr(options, name) for name in ("steps", "language", "punctuation")}
    work.put_table("output", staged, sidecar)
    return report | seen.get | {"rows_out": rows_out, "rows_blank": rows_blank}


def cleaned_table(table: DataFrame, options: CleanOptions) -> DataFrame:
    """Returns the table with its text column cleaned, and a new column that marks the texts that are blank then."""
    name = options.text_column
    columns = [
        clean_column(quoted(name), options).alias(name) if column == name else quoted(column)
        for column in table.columns
        if column != MALFORMED
    ]
    return table.select(*columns).withColumn(options.blank_column, is_blank(quoted(name)))


def _counts(table: DataFrame, options: CleanOptions) -> list[Any]:
    text = quoted(options.text_column)
    malformed = F.col(MALFORMED) if MALFORMED in table.columns else F.lit(None)
    return [
        F.count(F.lit(1)).alias("rows_in"),
        F.count_if(text.isNull()).alias("rows_null"),
        F.count_if(text.isNotNull() & is_blank(text)).alias("rows_blank_before"),
        F.count_if(~F.is_valid_utf8(text)).alias("rows_not_utf8"),
        F.count(malformed).alias("rows_malformed"),
    ]


def _check_columns(table: DataFrame, options: CleanOptions) -> None:
    found = [name for name in table.columns if name != MALFORMED]
    if options.text_column not in found:
        raise UserError(
            f"text column {options.text_column!r} is not in input {options.input!r}; found {found}; "
            "name another with --text-column"
        )
    kind = table.schema[options.text_column].dataType
    if not isinstance(kind, T.StringType):
        raise UserError(
            f"text column {options.text_column!r} is {kind.simpleString()}, expected string (clean texts before they "
            "are tokenized); name another with --text-column"
        )
    if options.blank_column.lower() in map(str.lower, found):
        raise UserError(
            f"input {options.input!r} already has a column {options.blank_column!r}, which would mark the blank "
            "texts; choose another name with --blank-column"
        )
