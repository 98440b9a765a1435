"""Checks on the driver, before any work, what may be written where, so that no mistake destroys data."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from pyspark.sql import SparkSession

from elmo_udf.errors import UserError
from elmo_udf.options import paths_of
from elmo_udf.spark import files
from elmo_udf.spark.tables import SIDECAR

_GLOB = re.compile(r"[*?{}\[\]\\]")


def check_outputs(
    spark: SparkSession,
    outputs: Mapping[str, str],
    inputs: Mapping[str, str | tuple[str, ...]],
    mode: str,
    parts: Collection[str] = (),
) -> None:
    """Raises UserError for outputs that exist (unless ``mode`` allows it), and for those that would destroy something.

    The keys are the names of the options, for the messages. All outputs must be on one file system (because tables are
    renamed into place), must not contain one another, and must not contain an input. ``parts`` are names in an output
    of this project that is not a table.
    """
    for name, path in outputs.items():
        _check_name(spark, name, path)
        for other, source in ((other, source) for other, paths in inputs.items() for source in paths_of(paths)):
            if _holds(spark, path, _fixed_part(source)):
                raise UserError(
                    f"{name} {path!r} contains the {other} {source!r}; expected separate paths; change one of them"
                )
    for name, path in outputs.items():
        for other, second in outputs.items():
            if name != other:
                _check_apart(spark, (name, path), (other, second))
    for name, path in outputs.items():
        _check_content(spark, name, path, mode, parts)


def given(options: object, *names: str) -> dict[str, Any]:
    """Returns the paths of those options that are given, by name."""
    return {name: path for name in names if (path := getattr(options, name)) is not None}


def _check_name(spark: SparkSession, name: str, path: str) -> None:
    qualified = str(files.hadoop_path(spark, path)[1].toUri().getPath())
    if found := _GLOB.search(qualified):
        raise UserError(
            f"{name} {path!r} has {found[0]!r} in its path, which Spark takes as a pattern; choose a plain path"
        )


def _check_apart(spark: SparkSession, first: tuple[str, str], second: tuple[str, str]) -> None:
    (name, path), (other, other_path) = first, second
    if not files.same_file_system(spark, path, other_path):
        raise UserError(
            f"{name} {path!r} and {other} {other_path!r} are on different file systems, expected one; "
            f"give a path of {other} beside the {name}"
        )
    if _holds(spark, path, other_path):
        raise UserError(f"{name} {path!r} contains {other} {other_path!r}; expected separate paths; change one of them")


def _check_content(spark: SparkSession, name: str, path: str, mode: str, parts: Collection[str]) -> None:
    found = files.list_names(spark, path)
    if mode == "error" and found:
        raise UserError(f"{name} {path!r} exists already; give another path, or --mode overwrite")
    for entry, is_folder in files.list_entries(spark, path):
        if SIDECAR in found and entry in parts:
            continue
        of_a_table = "=" in entry if is_folder else entry.endswith(".parquet")
        if not of_a_table and not entry.startswith(("_", ".")):
            raise UserError(
                f"{name} {path!r} contains {entry!r}, which is not part of a table; expected a table, or nothing; "
                "give another path"
            )
    if found and SIDECAR not in found and not any(entry.endswith(".parquet") or "=" in entry for entry in found):
        raise UserError(
            f"{name} {path!r} contains {found[0]!r} and is not a table; expected a table, or nothing; choose another "
            "path"
        )


def _fixed_part(source: str) -> str:
    """Returns the folder of a glob, up to its first part with a glob character. Other paths are returned unchanged."""
    match = _GLOB.search(source)
    return source if match is None else source[: match.start()].rpartition("/")[0] or "."


def same_place(spark: SparkSession, one: str, other: str) -> bool:
    """Returns whether two paths, however they are written, are the same."""
    return _holds(spark, one, other) and _holds(spark, other, one)


def _holds(spark: SparkSession, outer: str, inner: str) -> bool:
    """Returns whether ``inner`` is ``outer`` or is inside of it."""
    (outer_system, outer_path), (inner_system, inner_path) = (files.hadoop_path(spark, p) for p in (outer, inner))
    if not outer_system.getUri().equals(inner_system.getUri()):
        return False
    folder, path = (str(p.toUri().getPath()).rstrip("/") + "/" for p in (outer_path, inner_path))
    return path.startswith(folder)
