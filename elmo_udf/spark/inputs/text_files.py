"""Reads text, with one document per line or per file."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.errors import UserError
from elmo_udf.options import InputOptions
from elmo_udf.spark import files
from elmo_udf.spark.inputs.columns import file_path, quoted, with_places

_HEADER_BYTES = 1 << 12


def check_is_text(spark: SparkSession, uris: Sequence[str], options: InputOptions) -> None:
    """Raises UserError for columns of text, which has none, and for tab-separated values that are not called so."""
    header = files.first_bytes(spark, unquote(uris[0]), _HEADER_BYTES).partition(b"\n")[0].decode("utf-8", "replace")
    names = header.removeprefix("\ufeff").rstrip("\r").split("\t")
    if options.input_format is None and {options.id_column, options.text_column} <= set(names):
        raise UserError(
            f"input {options.input!r} begins with the columns {names}, separated by tabs, and its name tells text; add "
            "--input-format tsv, or --input-format text to read each line as a document"
        )
    named = {"--id-column": options.id_column, "--text-column": options.text_column}
    for flag, name in named.items():
        if name not in ("id", "text"):
            raise UserError(
                f"{flag} is {name!r}, and input {options.input!r} is text, which has no columns; leave out the flag, "
                "or name the format with --input-format"
            )


def read_text(spark: SparkSession, options: InputOptions) -> DataFrame:
    """Columns ``id`` and ``text``: ``file:line`` and a line, or with ``whole_files`` a file and all it holds.

    Columns that the names of folders tell come after these.
    """
    table = spark.read.text(list(options.paths), wholetext=options.whole_files)
    folders = table.columns[1:]
    if taken := {"id", "text", "value"} & set(folders):
        raise UserError(
            f"input {options.input!r} lies in folders named {taken.pop()}=..., which is the name of a column of "
            "text itself; rename the folders, or name the files with a glob"
        )
    placed = table.withColumn("id", file_path()) if options.whole_files else with_places(table, "id")
    return placed.select("id", F.col("value").alias("text"), *(quoted(name) for name in folders))
