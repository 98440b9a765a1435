"""How a finished table comes into its place: written aside, then moved, so that no reader sees half a file."""

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
    """What a run has for an output while it writes: a folder of its own, and the lock without which nothing is put."""

    spark: SparkSession
    folder: str
    """On the output's file system, with a name that readers skip."""
    lock: Lock

    def put_table(self, staged: str, output: str, sidecar: dict[str, Any], mode: str) -> None:
        """Move a staged folder to ``output``; with mode append its files beside those of a table that is there.

        Raises UserError where mode is error and another run has made the output meanwhile; the staged table is kept
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
        """Bring the staged files into the table at ``output``, then delete its files ``old`` (paths from ``output``).

        In this order nothing is ever missing: a reader may see rows twice for a moment, the newer ones with a later
        ``embedded_at`` or equal ones. Started again after a kill, it comes to the same end.
        """
        self.lock.check()
        append_files(self.spark, staged, output)
        for name in old:
            files.delete(self.spark, f"{output}/{name}")
        for folder in {name.rpartition("/")[0] for name in old} - {""}:
            _delete_emptied(self.spark, output, folder)


@contextmanager
def staging(spark: SparkSession, output: str) -> Iterator[Staging]:
    """What a run needs to write ``output``; the staging folder is gone when the block ends.

    While the block runs the output is this run's alone: UserError where another run writes it. What a run that was
    killed has left is cleared up first.
    """
    with locked(spark, output, beside(output)) as lock:
        _recover(spark, output)
        folder = f"{lock.folder}/run-{uuid.uuid4().hex[:12]}"
        files.make_folder(spark, folder)
        yield Staging(spark, folder, lock)


def _write_sidecar(spark: SparkSession, folder: str, sidecar: dict[str, Any]) -> None:
    files.write_text(spark, f"{folder}/{SIDECAR}", json.dumps(sidecar | numbered(FORMAT), indent=2, default=str) + "\n")


def _replace(spark: SparkSession, staged: str, output: str) -> None:
    """Move the staged folder to ``output``; what was there is put aside first, and back if the move fails."""
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
    """Where a run was killed while it replaced the table: put the old one back, or delete it if the new one is in."""
    old = _aside(output)
    if not files.exists(spark, old):
        return
    if files.exists(spark, output):
        files.delete(spark, old)
    else:
        log.warning("a run was interrupted while it replaced %s; the table that was there is put back", output)
        files.rename(spark, old, output)


def append_files(spark: SparkSession, staged: str, output: str) -> None:
    """Move every data file of the staged folder into the table at ``output``; each move is atomic, all are not."""
    folders = {""}
    for name in files.list_files(spark, staged):
        folder = name.rpartition("/")[0]
        if folder not in folders:
            files.make_folder(spark, f"{output}/{folder}")
            folders.add(folder)
        files.rename(spark, f"{staged}/{name}", f"{output}/{name}")


def _delete_emptied(spark: SparkSession, output: str, folder: str) -> None:
    """Delete partition folders that have no file any more, from the innermost up."""
    while folder and not files.list_entries(spark, f"{output}/{folder}"):
        files.delete_empty(spark, f"{output}/{folder}")
        folder = folder.rpartition("/")[0]


def beside(output: str) -> str:
    """The folder in which a run stages what it writes to ``output``: the same for all runs, one of which has it."""
    return f"{files.parent(output).rstrip('/')}/_elmo-{_name(output)}"


def _aside(output: str) -> str:
    """Where the old table is while the new one is moved in."""
    return f"{files.parent(output).rstrip('/')}/_elmo-old-{_name(output)}"


def _name(output: str) -> str:
    """The output's own name, without the "=", for which Spark would take it as a partition."""
    return quote(output.rstrip("/").rpartition("/")[2], safe=" ").replace("%", "~")
