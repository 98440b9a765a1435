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


@contextmanager
def staging(spark: SparkSession, output: str) -> Iterator[str]:
    """A folder beside ``output`` (same file system, a name that readers skip), gone when the block ends."""
    path = _beside(output)
    files.make_folder(spark, path)
    try:
        yield path
    finally:
        files.delete(spark, path)


def put_table(spark: SparkSession, staged: str, output: str, sidecar: dict[str, Any], mode: str) -> None:
    """Move a staged folder to ``output``; with mode append its files beside those of a table that is there.

    Raises UserError where mode is error and another run has made the output meanwhile; the staged table is kept then.
    """
    taken = bool(files.list_names(spark, output))
    if taken and mode == "append":
        append_files(spark, staged, output)
        return
    files.write_text(spark, f"{staged}/{SIDECAR}", json.dumps(sidecar, indent=2, default=str) + "\n")
    files.write_text(spark, f"{staged}/_SUCCESS", "")
    if taken and mode == "error":
        kept = f"{output.rstrip('/')}-{uuid.uuid4().hex[:12]}"
        files.rename(spark, staged, kept)
        raise UserError(f"output {output!r} was made by another run meanwhile; the table of this run is {kept!r}")
    _replace(spark, staged, output)


def _replace(spark: SparkSession, staged: str, output: str) -> None:
    """Move the staged folder to ``output``; what was there is put aside first, and back if the move fails."""
    if not files.exists(spark, output):
        files.make_folder(spark, files.parent(output))
        files.rename(spark, staged, output)
        return
    old = _beside(output)
    files.rename(spark, output, old)
    try:
        files.rename(spark, staged, output)
    except Exception:
        files.rename(spark, old, output)
        raise
    files.delete(spark, old)


def append_files(spark: SparkSession, staged: str, output: str) -> None:
    """Move every data file of the staged folder into the table at ``output``; each move is atomic, all are not."""
    for name in files.list_names(spark, staged):
        if not name.startswith(("_", ".")):
            files.rename(spark, f"{staged}/{name}", f"{output}/{name}")


def _beside(output: str) -> str:
    """A new name in the folder of ``output``. It has no "=", for which Spark would take it as a partition."""
    return f"{files.parent(output).rstrip('/')}/_elmo-{uuid.uuid4().hex[:12]}"
