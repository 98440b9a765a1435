"""Checks, before the work starts, where a picture or another small file may be written."""

from __future__ import annotations

from pathlib import Path

from elmo_udf.errors import UserError


def check_png(path: str) -> None:
    """Raises UserError if a path of ``--plot`` is not a PNG file on this machine, or if it can't be created."""
    check_local("plot", path, ".png")


def check_local(name: str, path: str, suffix: str) -> None:
    """Raises UserError in the same way for a file with another suffix. ``name`` is the name of the option."""
    if Path(path).suffix.lower() != suffix:
        raise UserError(
            f"{name} {path!r} does not end with {suffix}, the only format that can be written; give another path"
        )
    if "://" in path:
        raise UserError(f"{name} {path!r} is an address, expected a path on the driver's machine; give another path")
    if Path(path).is_dir():
        raise UserError(f"{name} {path!r} is a folder, expected the path of a file; give another path")
    above = next(folder for folder in Path(path).absolute().parents if folder.exists())
    if not above.is_dir():
        raise UserError(
            f"{name} {path!r} lies below {str(above)!r}, which is a file; expected a folder; change the path"
        )
