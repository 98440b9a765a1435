"""Reads JSON lines, which have one object per line."""

from __future__ import annotations

import json
import uuid

from pyspark.sql import DataFrame, SparkSession

from elmo_udf.options import InputOptions
from elmo_udf.spark.inputs.columns import MALFORMED, with_malformed


def read_json(spark: SparkSession, options: InputOptions) -> DataFrame:
    """Returns the fields of the objects, with the types that Spark finds in all of them, and MALFORMED."""
    paths = list(options.paths)
    # Spark names the corrupt column only where it met one while it inferred the schema; ask for it always.
    unheard_of = f"{MALFORMED}_{uuid.uuid4().hex}"
    table = spark.read.option("columnNameOfCorruptRecord", unheard_of).json(paths).drop(unheard_of)
    reader = spark.read.option("columnNameOfCorruptRecord", MALFORMED)
    return reader.schema(with_malformed(table, options)).json(paths)


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
