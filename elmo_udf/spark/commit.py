"""How a finished table comes into its place: written aside, then moved, so that no reader sees half of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyspark.sql import SparkSession

from elmo_udf.errors import UserError
from elmo_udf.spark import files
from elmo_udf.spark.tables import SIDECAR


def check_output(spark: SparkSession, path: str, mode: str) -> None:
    """Before any work: refuse an output that exists, unless ``mode`` says what to do with it."""
    names = files.list_names(spark, path)
    if mode == "error" and names:
        raise UserError(f"output {path!r} exists already; give another path, or --mode overwrite")
    if names and SIDECAR not in names and not any(name.endswith(".parquet") for name in names):
        raise UserError(
            f"output {path!r} holds {names[0]!r} and no Parquet files; expected a table, or nothing; give another path"
        )


def check_same_file_system(spark: SparkSession, output: str, rejects: str) -> None:
    """Tables are put in place by renaming, which works within one file system."""
    if not files.same_file_system(spark, output, rejects):
        raise UserError(
            f"output {output!r} and rejects {rejects!r} are on different file systems, expected one; "
            "give a --rejects path beside the output"
        )


@contextmanager
def staging(spark: SparkSession, output: str) -> Iterator[str]:
    """A folder beside ``output`` (same file system, a name that readers skip), gone when the block ends."""
    parent, _, name = output.rstrip("/").rpartition("/")
    path = f"{parent or ('/' if output.startswith('/') else '.')}/_{name}-{uuid.uuid4().hex[:12]}"
    files.make_folder(spark, path)
    try:
        yield path
    finally:
        files.delete(spark, path)


def put_table(spark: SparkSession, staged: str, output: str, sidecar: dict[str, Any], mode: str) -> None:
    """Move a staged folder into its place: its files beside those of a table that is there, if ``mode`` is append."""
    if mode == "append" and SIDECAR in files.list_names(spark, output):
        append_files(spark, staged, output)
    else:
        replace_table(spark, staged, output, sidecar)


def replace_table(spark: SparkSession, staged: str, output: str, sidecar: dict[str, Any]) -> None:
    """Move the staged folder to ``output``, after an earlier table there is moved out of the way."""
    write_sidecar(spark, staged, sidecar)
    old = None
    if files.exists(spark, output):
        old = staged.rstrip("/") + "-old"
        files.rename(spark, output, old)
    else:
        files.make_folder(spark, _parent(output))
    files.rename(spark, staged, output)
    if old is not None:
        files.delete(spark, old)


def append_files(spark: SparkSession, staged: str, output: str) -> None:
    """Move every data file of the staged folder into the table at ``output``; each move is atomic."""
    for name in files.list_names(spark, staged):
        if not name.startswith(("_", ".")):
            files.rename(spark, f"{staged}/{name}", f"{output}/{name}")


def write_sidecar(spark: SparkSession, table: str, sidecar: dict[str, Any]) -> None:
    """Write ``_elmo.json`` into a table's folder."""
    files.write_text(spark, f"{table}/{SIDECAR}", json.dumps(sidecar, indent=2, default=str) + "\n")


def _parent(path: str) -> str:
    parent = path.rstrip("/").rpartition("/")[0]
    return parent or ("/" if path.startswith("/") else ".")
