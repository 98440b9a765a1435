"""Format numbers: what is kept says how it is laid out, so that no version misreads what a later one wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elmo_udf.errors import LaterFormat, UserError
from elmo_udf.version import __version__

UNNUMBERED = 1
"""The format of what has no number: version 0.1.0 wrote none."""


def numbered(number: int) -> dict[str, Any]:
    """Return the entries ``format`` and ``elmo_udf_version``, which go into everything that is kept."""
    return {"format": number, "elmo_udf_version": __version__}


def check_format(entries: Mapping[str, Any], newest: int, what: str) -> None:
    """Refuse what a later version wrote in a format that this one does not know.

    ``entries`` are those of :func:`numbered`, ``newest`` is the last format that is known. Raises LaterFormat, which
    names ``what`` and the version to install, and UserError where the format is not a whole number from 1.
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
