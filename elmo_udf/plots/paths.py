"""Where a picture, or another small file, may be written: checked before the work."""

from __future__ import annotations

from pathlib import Path

from elmo_udf.errors import UserError


def check_png(path: str) -> None:
    """Refuse a path of ``--plot`` that is not that of a PNG file on this machine, or that can't be made (UserError)."""
    check_local("plot", path, ".png")


def check_local(name: str, path: str, suffix: str) -> None:
    """The same for a file of another suffix; ``name`` is that of the option."""
    if Path(path).suffix.lower() != suffix:
        raise UserError(
            f"{name} {path!r} does not end with {suffix}, the one format that is written; give another path"
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
