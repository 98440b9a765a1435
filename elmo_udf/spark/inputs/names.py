"""The format of files by their names."""

from __future__ import annotations

import re

from pyspark.sql import SparkSession

from elmo_udf.errors import UserError
from elmo_udf.spark import files

_FORMATS = {
    "parquet": "parquet",
    "csv": "csv",
    "tsv": "tsv",
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
    "txt": "text",
    "text": "text",
}


def guess_format(spark: SparkSession, path: str) -> str:
    """The format that the names of the files tell; Parquet where they tell nothing.

    Raises UserError for a path where nothing is, an empty folder, and a folder of files in several formats.
    """
    name = path.rstrip("/").rpartition("/")[2]
    if is_glob(path):
        return _format_of(name) or "parquet"
    if not files.exists(spark, path):
        raise UserError(f"input {path!r} does not exist; check the path")
    # the entry of a file is the file itself
    entries = visible_entries(spark, path)
    if all(is_folder and "=" not in entry for entry, is_folder in entries):
        below = f"; found the folders {[entry for entry, _ in entries]}, which are not read" if entries else ""
        raise UserError(f"input {path!r} holds no files{below}; expected documents; give a path or a glob of files")
    found = {suffix_format(entry) for entry, is_folder in entries if not is_folder} - {None}
    if len(found) > 1:
        raise UserError(
            f"input {path!r} holds files of several formats: {', '.join(sorted(map(str, found)))}; expected one; "
            f"name the files with a glob such as {path.rstrip('/')}/*.csv"
        )
    return _format_of(f"a.{found.pop()}") or "parquet" if found else _format_of(name) or "parquet"


def is_glob(path: str) -> bool:
    """Whether a path is a pattern of Hadoop's."""
    return any(character in path for character in "*?{[")


def visible_entries(spark: SparkSession, path: str) -> list[tuple[str, bool]]:
    """Names in a folder that readers do not skip, and whether each is a folder."""
    return [entry for entry in files.list_entries(spark, path) if not entry[0].startswith(("_", "."))]


def suffix_format(name: str) -> str | None:
    """The format that a suffix names, that of a compression left out; None for other suffixes."""
    _, dot, suffix = re.sub(r"\.(gz|bz2|zst|snappy|lz4|deflate)$", "", name.lower()).rpartition(".")
    return _FORMATS.get(suffix) if dot else None


def _format_of(name: str) -> str | None:
    """The format that a file's name tells; CSV for tab-separated values too."""
    found = suffix_format(name)
    return "csv" if found == "tsv" else found
