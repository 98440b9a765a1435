"""Reads JSON lines, which have one object per line."""

from __future__ import annotations

import json
import uuid

from pyspark.sql import DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.options import InputOptions
from elmo_udf.spark.inputs.columns import MALFORMED, quoted, with_malformed

_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_LONE_SURROGATE = rf"(?<!\\)(?:\\\\)*(?:{_HIGH}(?!{_LOW})|(?<!{_HIGH}){_LOW})"
"""An escape of a surrogate without its other half, whose backslash is not itself escaped."""


def read_json(spark: SparkSession, options: InputOptions) -> DataFrame:
    """Returns the fields of the objects, with the types that Spark finds in all of them, and MALFORMED."""
    paths = list(options.paths)
    # Spark names the corrupt column only where it met one while it inferred the schema; ask for it always.
    unheard_of = f"{MALFORMED}_{uuid.uuid4().hex}"
    table = spark.read.option("columnNameOfCorruptRecord", unheard_of).json(paths).drop(unheard_of)
    reader = spark.read.option("columnNameOfCorruptRecord", MALFORMED).schema(with_malformed(table, options))
    return _with_lone_surrogates(reader.json(paths), reader, spark.read.text(paths))


def _with_lone_surrogates(table: DataFrame, reader: DataFrameReader, lines: DataFrame) -> DataFrame:
    """Returns the table with the lines in MALFORMED whose escapes are half of a character, which Spark reads as "?".

    Rows can't be found by their line, so a row that equals what Spark makes of such a line counts as that line, too.
    """
    broken = lines.where(F.col("value").rlike(_LONE_SURROGATE)).select("value")
    if broken.isEmpty():
        return table
    folders = lines.columns[1:]
    names = [name for name in table.columns if name not in folders]
    row = F.to_json(F.struct(*(quoted(name) for name in names))).alias("_row")
    read = reader.schema(T.StructType([table.schema[name] for name in names])).json(
        broken.rdd.map(lambda line: line[0])
    )
    marked = table.withColumn("_row", row).join(
        F.broadcast(read.select(row, F.lit(True).alias("_lone")).distinct()), "_row", "left"
    )
    said = F.when(F.col("_lone"), F.concat(F.lit("half of a surrogate pair in "), "_row")).otherwise(F.col(MALFORMED))
    return marked.withColumn(MALFORMED, said).select(*(quoted(name) for name in table.columns))


def wrong_json(path: str, head: bytes) -> str | None:
    """Returns what is said of JSON that goes over several lines, where a line is an object."""
    text = head.decode("utf-8", errors="replace").removeprefix("\ufeff").lstrip()
    line, end, _ = text.partition("\n")
    if not end or line[:1] not in ("{", "[") or _is_json(line):
        return None
    if line[0] == "{" and line.strip() != "{" and not _spans_lines(text):
        return None  # a line that is broken is one malformed record
    what, command = ("array", "jq -c '.[]'") if line[0] == "[" else ("object", "jq -c .")
    return (
        f"file {path!r} is a JSON {what} over several lines, expected JSON lines: an object in each line; "
        f"convert it, for example with: {command}"
    )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _spans_lines(text: str) -> bool:
    """Returns whether the text begins with one JSON value of several lines."""
    try:
        end = json.JSONDecoder().raw_decode(text)[1]
    except (ValueError, RecursionError):
        return False
    return "\n" in text[:end]
