"""Opens files at any Hadoop address with pyarrow's file systems, on the driver and on executors."""

from __future__ import annotations

import re
from functools import cache

import pyarrow as pa
from pyarrow import fs

from elmo_udf.errors import UserError

_SCHEMES = {"s3a": "s3", "s3n": "s3"}  # Hadoop's names for what pyarrow calls otherwise


def open_file_system(uri: str) -> tuple[fs.FileSystem, str]:
    """Returns pyarrow's file system and the path in it for a URI such as ``file:/data/x`` or ``s3a://bucket/x``.

    Raises UserError if pyarrow has no file system for it.
    """
    scheme, authority, path = _parts(uri)
    if scheme in ("", "file"):
        return fs.LocalFileSystem(), path
    try:
        file_system, root = _remote(scheme, authority)
    except (pa.ArrowInvalid, OSError, NotImplementedError) as error:
        raise UserError(
            f"folder {uri!r} can't be opened by pyarrow ({str(error).splitlines()[0]}); expected file:, s3a:, gs:, "
            "abfss: or hdfs: (with libhdfs); write the output to such a place"
        ) from None
    return file_system, root.rstrip("/") + path


def place_of(uri: str) -> tuple[str, str]:
    """Returns the scheme and the authority of a URI, which all files of its file system share."""
    scheme, authority, _ = _parts(uri)
    return scheme or "file", authority


def _parts(uri: str) -> tuple[str, str, str]:
    found = re.fullmatch(r"(?:([\w+.-]+):)?(?://([^/]*))?(.*)", uri, re.DOTALL)
    assert found is not None  # all of it is optional
    return found[1] or "", found[2] or "", found[3]


@cache
def _remote(scheme: str, authority: str) -> tuple[fs.FileSystem, str]:
    """Returns the file system for a scheme and an authority, and the path of its root."""
    file_system, root = fs.FileSystem.from_uri(f"{_SCHEMES.get(scheme, scheme)}://{authority}/")
    return file_system, root
