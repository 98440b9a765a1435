"""Moves finished tables into place, so that no reader sees half a file."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pyspark.sql import SparkSession

from elmo_udf.cleanup import if_it_fails
from elmo_udf.errors import UserError
from elmo_udf.formats import numbered
from elmo_udf.spark import files
from elmo_udf.spark.metadata import FORMAT
from elmo_udf.spark.outputs.lock import Lock, locked
from elmo_udf.spark.tables import SIDECAR

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Staging:
    """What a run has for an output while it writes: a folder of its own, and the lock that it needs to move files."""

    spark: SparkSession
    folder: str
    """The folder is on the output's file system. Programs that read Parquet skip its name."""
    lock: Lock

    def put_table(self, staged: str, output: str, sidecar: dict[str, Any], mode: str) -> None:
        """Moves a staged folder to ``output``. With mode append, it moves its files to those of an existing table.

        Raises UserError if the mode is error and another run has made the output meanwhile. The staged table is kept
        then.
        """
        self.lock.check()
        spark = self.spark
        _recover(spark, output)
        taken = bool(files.list_names(spark, output))
        if taken and mode in ("append", "incremental"):
            append_files(spark, staged, output)
            if sidecar and not files.exists(
                spark, f"{output}/{SIDECAR}"
            ):  # a first commit was cut off, as it can be on object stores
                _write_sidecar(spark, output, sidecar)
            return
        _write_sidecar(spark, staged, sidecar)
        files.write_text(spark, f"{staged}/_SUCCESS", "")
        if taken and mode == "error":
            kept = f"{output.rstrip('/')}-{uuid.uuid4().hex[:12]}"
            files.rename(spark, staged, kept)
            raise UserError(f"output {output!r} was made by another run meanwhile; the table of this run is {kept!r}")
        _replace(spark, staged, output)

    def replace_files(self, staged: str, output: str, old: Collection[str]) -> None:
        """Moves the staged files into the table at ``output``, then deletes its files ``old`` (relative paths).

        In this order nothing is ever missing. For a moment a reader may see rows twice: the newer ones have a later
        ``embedded_at``, or they are equal. If it is killed and started again, the result is the same.
        """
        self.lock.check()
        append_files(self.spark, staged, output)
        for name in old:
            files.delete(self.spark, f"{output}/{name}")
        for folder in {name.rpartition("/")[0] for name in old} - {""}:
            _delete_emptied(self.spark, output, folder)


@contextmanager
def staging(spark: SparkSession, output: str) -> Iterator[Staging]:
    """Yields what a run needs to write ``output``, and removes the staging folder at the end of the block.

    While the block runs, no other run can write the output. Raises UserError if another run is writing it. What a
    killed run left behind is removed first.
    """
    with locked(spark, output, beside(output)) as lock:
        _recover(spark, output)
        folder = f"{lock.folder}/run-{uuid.uuid4().hex[:12]}"
        files.make_folder(spark, folder)
        yield Staging(spark, folder, lock)


def _write_sidecar(spark: SparkSession, folder: str, sidecar: dict[str, Any]) -> None:
    files.write_text(spark, f"{folder}/{SIDECAR}", json.dumps(sidecar | numbered(FORMAT), indent=2, default=str) + "\n")


def _replace(spark: SparkSession, staged: str, output: str) -> None:
    """Moves the staged folder to ``output``. The old table is moved aside first, and back if the move fails."""
    if not files.exists(spark, output):
        files.make_folder(spark, files.parent(output))
        files.rename(spark, staged, output)
        return
    old = _aside(output)
    files.rename(spark, output, old)
    with if_it_fails(lambda: files.rename(spark, old, output)):
        files.rename(spark, staged, output)
    files.delete(spark, old)


def _recover(spark: SparkSession, output: str) -> None:
    """Finishes what a run that was killed while it replaced the table had begun.

    It moves the old table back, or deletes it if the new one is in place.
    """
    old = _aside(output)
    if not files.exists(spark, old):
        return
    if files.exists(spark, output):
        files.delete(spark, old)
    else:
        log.warning("a run was interrupted while it replaced %s; the earlier table is restored", output)
        files.rename(spark, old, output)


def append_files(spark: SparkSession, staged: str, output: str) -> None:
    """Moves every data file of the staged folder to the table at ``output``.

    Each move is atomic, but not all together.
    """
    folders = {""}
    for name in files.list_files(spark, staged):
        folder = name.rpartition("/")[0]
        if folder not in folders:
            files.make_folder(spark, f"{output}/{folder}")
            folders.add(folder)
        files.rename(spark, f"{staged}/{name}", f"{output}/{name}")


def _delete_emptied(spark: SparkSession, output: str, folder: str) -> None:
    """Deletes partition folders without files, the innermost first."""
    while folder and not files.list_entries(spark, f"{output}/{folder}"):
        files.delete_empty(spark, f"{output}/{folder}")
        folder = folder.rpartition("/")[0]


def beside(output: str) -> str:
    """Returns the folder in which a run stages what it writes to ``output``.

    It is the same for all runs; one has it.
    """
    return f"{files.parent(output).rstrip('/')}/_elmo-{_name(output)}"


def _aside(output: str) -> str:
    """Returns the path of the old table while the new one is moved in."""
    return f"{files.parent(output).rstrip('/')}/_elmo-old-{_name(output)}"


def _name(output: str) -> str:
    """Returns the output's own name without "=", because Spark would take it as a partition."""
    return quote(output.rstrip("/").rpartition("/")[2], safe=" ").replace("%", "~")
