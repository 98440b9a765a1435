"""Manages format numbers, with which no version misreads the files of a later one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elmo_udf.errors import LaterFormat, UserError
from elmo_udf.version import __version__

SIDECAR = "_elmo.json"
"""Name of the file beside the data of our tables. Programs that read Parquet skip it because of its underscore."""

UNNUMBERED = 1
"""The format of files without a number. Version 0.1.0 wrote none."""


def numbered(number: int) -> dict[str, Any]:
    """Returns the entries ``format`` and ``elmo_udf_version``, which all stored files contain."""
    return {"format": number, "elmo_udf_version": __version__}


def check_format(entries: Mapping[str, Any], newest: int, what: str) -> None:
    """Raises an error for what a later version wrote in a format that this version does not know.

    ``entries`` are those of :func:`numbered`, and ``newest`` is the last known format. Raises LaterFormat, which names
    ``what`` and the version to install, and UserError if the format is not a whole number from 1.
    """
    found = entries.get("format", UNNUMBERED)
    if type(found) is not int or found < 1:
        raise UserError(f"{what} has format {found!r}, expected a whole number from 1 to {newest}; make it again")
    if found > newest:
        writer = entries.get("elmo_udf_version")
        named = f"elmo-udf {writer}, which wrote it," if writer else "the version of elmo-udf that wrote it"
        raise LaterFormat(
            f"{what} has format {found}, and elmo-udf {__version__} reads formats up to {newest}; install {named} or a "
            "later version"
        )
