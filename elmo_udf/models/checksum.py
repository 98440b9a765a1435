"""Computes SHA-256 digests of models, so that a user can pin the model that they have checked."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from elmo_udf.errors import UserError


def file_sha256(path: Path) -> str:
    """Returns the hex digest of a file, as ``sha256sum FILE`` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_sha256(folder: Path) -> str:
    """Returns one hex digest for the names and contents of all files in ``folder`` and its subfolders.

    It equals the digest of the list that ``sha256sum`` prints, sorted by name::

        cd FOLDER && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
    """
    names = sorted(os.fsencode(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file())
    lines = (file_sha256(folder / os.fsdecode(name)).encode() + b"  ./" + name + b"\n" for name in names)
    return hashlib.sha256(b"".join(lines)).hexdigest()


def check_sha256(path: Path, expected: str, handle: str) -> None:
    """Raises UserError if the digest of the file or folder at ``path`` is not ``expected``."""
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", expected):
        raise UserError(f"model {handle!r}: the SHA-256 {expected!r} is not valid, expected 64 hexadecimal digits")
    found = folder_sha256(path) if path.is_dir() else file_sha256(path)
    if found != expected.lower():
        raise UserError(
            f"model {handle!r}: its SHA-256 is {found}, expected {expected.lower()}; fetch the model again, "
            "or give the digest of this one if you trust it"
        )
