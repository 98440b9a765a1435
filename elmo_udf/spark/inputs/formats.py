"""Chooses the reader for a format. A new format is added here."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from elmo_udf.errors import UserError
from elmo_udf.options import InputOptions
from elmo_udf.spark.complaints import reading
from elmo_udf.spark.inputs.csv_files import read_csv, read_tsv
from elmo_udf.spark.inputs.heads import check_contents
from elmo_udf.spark.inputs.json_files import read_json
from elmo_udf.spark.inputs.names import format_of
from elmo_udf.spark.inputs.parquet_files import read_parquet
from elmo_udf.spark.inputs.text_files import check_is_text, read_text
from elmo_udf.spark.listing import files_at

_READERS = {"parquet": read_parquet, "csv": read_csv, "tsv": read_tsv, "json": read_json, "text": read_text}


def read_input(spark: SparkSession, options: InputOptions) -> tuple[str, DataFrame]:
    """Returns the format of the input, and all its columns as they are; of JSON lines, CSV and TSV also MALFORMED.

    Text has the columns ``id`` and ``text``, and those of its folders. Raises UserError for an input that is not there
    or can't be read.
    """
    uris = files_at(spark, options.paths)
    kind = options.input_format or format_of(options.paths, uris)
    if options.whole_files and kind != "text":
        raise UserError(
            f"--whole-files with input {options.input!r}, whose format is {kind}; expected text files; "
            "leave out the option, or add --input-format text"
        )
    if kind != "parquet":
        check_contents(spark, uris, kind)
    if kind == "text":
        check_is_text(spark, uris, options)
    with reading(f"input {options.input!r}", f"{kind} files", quiet=True):
        return kind, _READERS[kind](spark, options)


def guess_format(spark: SparkSession, options: InputOptions) -> str:
    """Returns the format of the input. Raises UserError where there is none, or more than one."""
    return options.input_format or format_of(options.paths, files_at(spark, options.paths))
