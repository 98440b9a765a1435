"""Says which small files may be replaced: empty ones, and those whose content shows that a job wrote them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from elmo_udf.errors import UserError

_READ = 1 << 16


def check_own(name: str, path: str, file: Path) -> None:
    """Raises UserError for a file that no job of this kind has written. ``name`` is the name of its option."""
    if file.is_dir():
        raise UserError(f"{name} {path!r} is a folder, expected the path of a file; give another path")
    if not file.exists() or not file.is_file() or not file.stat().st_size:
        return
    what, is_ours = _KINDS.get(file.suffix.lower(), _KINDS[".json"])
    try:
        ours = is_ours(file)
    except (OSError, ValueError):
        ours = False
    if not ours:
        raise UserError(
            f"{name} {path!r} exists and is no {what} that a job has written, which alone would be replaced; give "
            "another path"
        )


def _is_picture(file: Path) -> bool:
    """Returns whether a file is a PNG by Matplotlib."""
    with file.open("rb") as opened:
        start = opened.read(_READ)
    return start.startswith(b"\x89PNG\r\n") and b"Matplotlib" in start


def _is_matrix(file: Path) -> bool:
    """Returns whether a file is a matrix of cosines, with ids in the first row and the first column."""
    with file.open(encoding="utf-8", newline="") as opened:
        lines = list(islice(opened, 2))
    return lines[0].startswith("id,") and all(re.search(r"-?[01]\.[0-9]{6}\r?\n$", line) for line in lines[1:])


def _is_answers(file: Path) -> bool:
    """Returns whether a file holds answers, one object per text."""
    with file.open(encoding="utf-8") as opened:
        said = json.loads(opened.readline())
    return isinstance(said, dict) and {"query_id", "text", "answers"} <= said.keys()


_KINDS: dict[str, tuple[str, Callable[[Path], bool]]] = {
    ".png": ("picture", _is_picture),
    ".csv": ("matrix", _is_matrix),
    ".jsonl": ("file of answers", _is_answers),
    ".ndjson": ("file of answers", _is_answers),
    ".json": ("file of answers", _is_answers),
}
