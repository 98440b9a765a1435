"""Which reader reads a format: where a new format is added."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from elmo_udf.errors import UserError
from elmo_udf.options import InputOptions
from elmo_udf.spark.complaints import reading
from elmo_udf.spark.inputs.csv_files import read_csv
from elmo_udf.spark.inputs.json_files import read_json
from elmo_udf.spark.inputs.names import guess_format
from elmo_udf.spark.inputs.parquet_files import read_parquet
from elmo_udf.spark.inputs.text_files import read_text

_READERS = {"parquet": read_parquet, "csv": read_csv, "json": read_json, "text": read_text}


def read_input(spark: SparkSession, options: InputOptions) -> tuple[str, DataFrame]:
    """The format of the input, and all its columns as they are; of JSON lines and CSV also MALFORMED.

    Text has the columns ``id`` and ``text``. Raises UserError for an input that is not there or can't be read.
    """
    kind = options.input_format or guess_format(spark, options.input)
    if options.whole_files and kind != "text":
        raise UserError(
            f"--whole-files with input {options.input!r}, whose format is {kind}; expected text files; "
            "leave the flag out, or add --input-format text"
        )
    with reading(f"input {options.input!r}", f"{kind} files", quiet=True):
        return kind, _READERS[kind](spark, options)
