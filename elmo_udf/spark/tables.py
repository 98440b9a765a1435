"""Reading tables: the newest rows of embedding tables, all rows of any, and what a table of ours says of itself."""

from __future__ import annotations

import json
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.formats import UNNUMBERED, check_format
from elmo_udf.spark import files
from elmo_udf.spark.complaints import reading
from elmo_udf.spark.metadata import FORMAT, metadata_of
from elmo_udf.spark.versions import newest_rows

SIDECAR = "_elmo.json"
"""Beside the data of a table of ours; readers of Parquet skip names that begin with an underscore."""


def read_table(spark: SparkSession, path: str) -> DataFrame:
    """The Parquet table at ``path``; of an embedding table of ours the newest rows of each id, each once.

    Raises UserError where there is none.
    """
    table = read_rows(spark, path)
    return newest_rows(table) if metadata_of(table, "embedding") is not None else table


def read_rows(spark: SparkSession, path: str) -> DataFrame:
    """All rows of the Parquet table at ``path`` as they lie there.

    Raises UserError where there is none, and where a later version wrote it in a format that this one does not know.
    """
    if not _is_glob(path) and not files.exists(spark, path):
        raise UserError(f"table {path!r} does not exist; expected a Parquet table; check the path")
    kinds = partition_types(spark, path)
    with reading(f"table {path!r}", "Parquet files", quiet=True):
        table = spark.read.parquet(path)
        metadata_of(table, "embedding", f"table {path!r}")  # refuses a later format, of a glob too
        if not kinds:
            return table
        # Spark guesses types from the names of folders, and would make 7 of "007".
        schema = T.StructType(
            [T.StructField(f.name, kinds.get(f.name, f.dataType), f.nullable, f.metadata) for f in table.schema]
        )
        return spark.read.schema(schema).parquet(path)


def _is_glob(path: str) -> bool:
    return any(character in path for character in "*?{[")


def partition_types(spark: SparkSession, path: str) -> dict[str, T.DataType]:
    """The columns that are folders of a table of ours, and their types; none for any other table."""
    schema = (read_sidecar(spark, path) or {}).get("partition_by")
    return {field.name: field.dataType for field in T.StructType.fromJson(schema)} if schema else {}


def read_sidecar(spark: SparkSession, path: str) -> dict[str, Any] | None:
    """What a table of ours says of itself in ``_elmo.json``, with its format; None where there is none.

    Raises UserError where that is no JSON, and where a later version wrote the table in a format that this one does not
    know.
    """
    if _is_glob(path):
        return None
    try:
        text = files.read_text(spark, f"{path}/{SIDECAR}")
        if text is None:
            return None
        said = json.loads(text)
    except ValueError:  # of JSON, or of UTF-8
        said = None
    if not isinstance(said, dict):
        raise UserError(f"file '{path}/{SIDECAR}' is no JSON object, expected what a job wrote there; make it again")
    check_format(said, FORMAT, f"table {path!r}")
    return {"format": UNNUMBERED} | said


def read_embeddings(spark: SparkSession, path: str) -> DataFrame:
    """Returns a table that jobs/embed.py wrote, with the newest version of every document.

    The metadata of the column ``embedding`` says how the vectors were made. Raises UserError for any other table.
    """
    table = read_table(spark, path)
    if metadata_of(table, "embedding") is None:
        raise UserError(
            f"table {path!r} has no embedding column made by embed.py; found columns {table.columns}; "
            "make the table with jobs/embed.py"
        )
    return table
