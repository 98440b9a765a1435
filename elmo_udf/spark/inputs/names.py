"""Tells the format of files by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from elmo_udf.errors import UserError

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
"""The format of each suffix."""

COMPRESSIONS = ("gz", "bz2", "zst", "snappy", "lz4", "deflate")
"""Suffixes by which Hadoop decompresses."""


def format_of(paths: Sequence[str], uris: Sequence[str]) -> str:
    """Returns the format that the names of the files tell, or else that of the paths, or else Parquet.

    Raises UserError for files of several formats.
    """
    names = {unquote(uri.rpartition("/")[2]) for uri in uris}
    found = {suffix_format(name) for name in names} - {None}
    if len(found) > 1:
        shown = " and ".join(map(repr, paths))
        raise UserError(
            f"input {shown} contains files of several formats: {', '.join(sorted(map(str, found)))}; expected one; "
            f"name the files with a glob such as {paths[0].rstrip('/')}/*.csv"
        )
    found = found or {suffix_format(path.rstrip("/").rpartition("/")[2]) for path in paths} - {None}
    return str(found.pop()) if len(found) == 1 else "parquet"


def suffix_format(name: str) -> str | None:
    """Returns the format that a suffix names, that of a compression left out, or None for other suffixes."""
    _, dot, suffix = re.sub(rf"\.({'|'.join(COMPRESSIONS)})$", "", name.lower()).rpartition(".")
    return _FORMATS.get(suffix) if dot else None
