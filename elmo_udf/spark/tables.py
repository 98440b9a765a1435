"""Reads tables: the newest rows of embedding tables, all rows of any table, and the content of ``_elmo.json``."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.formats import SIDECAR, UNNUMBERED, check_format
from elmo_udf.spark import files
from elmo_udf.spark.complaints import reading
from elmo_udf.spark.listing import check_local, is_glob
from elmo_udf.spark.metadata import FORMAT, metadata_of
from elmo_udf.spark.versions import newest_rows


def read_table(spark: SparkSession, path: str) -> DataFrame:
    """Returns the Parquet table at ``path``. An embedding table has the newest version of each id, once.

    Raises UserError if there is none.
    """
    table = read_rows(spark, path)
    return newest_rows(table) if metadata_of(table, "embedding") is not None else table


def read_rows(spark: SparkSession, path: str) -> DataFrame:
    """Returns all rows of the Parquet table at ``path``.

    Raises UserError if there is none, or if a later version wrote it in a format that this version does not know.
    """
    if not is_glob(path) and not files.exists(spark, path):
        raise UserError(f"table {path!r} does not exist; expected a Parquet table; check the path")
    check_local(spark, path, "table", set())
    kinds = partition_types(spark, path)
    with reading(f"table {path!r}", "Parquet files", quiet=True):
        table = spark.read.parquet(path)
        metadata_of(table, "embedding", f"table {path!r}")  # refuses a later format, of a glob too
        if not kinds:
            return table
        files_read = [unquote(unquote(uri)) for uri in table.inputFiles()]
        wrong = [name for name in kinds if not any(f"/{name}=" in uri for uri in files_read)]
        if wrong and not table.isEmpty():  # files without rows are in no such folder
            raise UserError(
                f"file '{path}/{SIDECAR}' says that the table is partitioned by {wrong[0]!r}, but no folder is named "
                f"{wrong[0]}=...; expected the file that a job wrote; make the table again"
            )
        # Spark guesses types from the names of folders, and would make 7 of "007".
        schema = T.StructType(
            [T.StructField(f.name, kinds.get(f.name, f.dataType), f.nullable, f.metadata) for f in table.schema]
        )
        for name in kinds.keys() - set(schema.names):
            schema = schema.add(name, kinds[name])
        return spark.read.schema(schema).parquet(path)


def partition_types(spark: SparkSession, path: str) -> dict[str, T.DataType]:
    """Returns the partition columns of our tables with their types, or none for any other table."""
    schema = (read_sidecar(spark, path) or {}).get("partition_by")
    if not schema:
        return {}
    try:
        return {field.name: field.dataType for field in T.StructType.fromJson(schema)}
    except Exception:  # of many kinds, as PySpark expects what it wrote itself
        raise UserError(
            f"partition_by in file '{path}/{SIDECAR}' is not a schema, expected the file that a job wrote; make the "
            "table again"
        ) from None


def read_sidecar(spark: SparkSession, path: str) -> dict[str, Any] | None:
    """Returns the content of ``_elmo.json`` of our tables, with its format number, or None if there is none.

    Raises UserError if it is not JSON, or if a later version wrote the table in a format that this version does not
    know.
    """
    if is_glob(path):
        return None
    try:
        text = files.read_text(spark, f"{path}/{SIDECAR}")
        if text is None:
            return None
        said = json.loads(text)
    except (ValueError, RecursionError):  # of JSON, or of UTF-8
        said = None
    if not isinstance(said, dict):
        raise UserError(
            f"file '{path}/{SIDECAR}' is not a JSON object, expected the file that a job wrote; make the table again"
        )
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
