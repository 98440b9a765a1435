"""Checks that what is at the outputs may be replaced or extended: it must be what such a job writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from elmo_udf.errors import LaterFormat, UserError
from elmo_udf.formats import SIDECAR
from elmo_udf.spark import files
from elmo_udf.spark.outputs.own_files import check_own
from elmo_udf.spark.outputs.written import Output, Places, Written
from elmo_udf.spark.tables import read_sidecar


def check_content(spark: SparkSession, written: Written, places: Places) -> None:
    """Raises UserError for an output that is not one of such a job, or that exists, if the mode is error."""
    for one in written.outputs:
        local = files.local_path(spark, places.outputs[one.name].uri)
        if local is not None and local.is_mount():
            raise UserError(
                f"{one.name} {one.path!r} is a mount point, which can't be replaced by a folder; give a path in it"
            )
        if one.kinds:
            _check_output(spark, one, places.outputs[one.name].uri, one.mode or written.mode)
    for name, address in places.files.items():
        path, file = str(written.files[name]), Path(address.uri.removeprefix("file:"))
        if name == "output" and written.mode == "error" and file.exists():
            raise UserError(f"output {path!r} exists already; give another path, or --mode overwrite")
        check_own(name, path, file)


def _sidecar(spark: SparkSession, path: str, mode: str) -> dict[str, Any] | None:
    """Returns what is said of a table. One of a later format is replaced, but never extended."""
    try:
        return read_sidecar(spark, path)
    except LaterFormat:
        if mode != "overwrite":
            raise
        return {}


def _check_output(spark: SparkSession, one: Output, path: str, mode: str) -> None:
    entries = files.list_entries(spark, path)
    names = [name for name, _ in entries]
    if mode == "error" and entries:
        raise UserError(f"{one.name} {one.path!r} exists already; give another path, or --mode overwrite")
    if entries and not files.is_folder(spark, path):
        raise UserError(f"{one.name} {one.path!r} is a file, expected a folder, or nothing; give another path")
    sidecar = _sidecar(spark, one.path, mode) if SIDECAR in names else None
    if sidecar is not None and sidecar.get("table", one.kinds[0]) not in one.kinds:
        raise UserError(
            f"{one.name} {one.path!r} is a table of kind {sidecar['table']!r}, expected {' or '.join(one.kinds)}, or "
            "nothing; give another path"
        )
    for name, is_folder in entries:
        if sidecar is not None and name in one.parts:
            continue
        of_a_table = "=" in name if is_folder else name.endswith(".parquet")
        if not of_a_table and not name.startswith(("_", ".")):
            raise UserError(
                f"{one.name} {one.path!r} contains {name!r}, which is not part of a table; expected a table, or "
                "nothing; give another path"
            )
    if names and sidecar is None and not any(name.endswith(".parquet") or "=" in name for name in names):
        raise UserError(
            f"{one.name} {one.path!r} contains {names[0]!r} and is not a table; expected a table, or nothing; choose "
            "another path"
        )
