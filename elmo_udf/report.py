"""Writes the report of a run to a file, and replaces nothing by it but an earlier report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from elmo_udf.cleanup import written_whole
from elmo_udf.errors import ReportInTheWay

_ENTRIES = {"job", "run_id", "version", "status"}
"""What every report contains."""


def check_report(path: str) -> None:
    """Raises ReportInTheWay if a report at ``path`` would replace something else, or can't be there."""
    file = Path(path)
    if file.is_dir():
        raise ReportInTheWay(f"report {path!r} is a folder, expected the path of a file; give another path")
    if file.is_file() and file.stat().st_size and not _is_report(file):
        raise ReportInTheWay(f"report {path!r} is a file that is no report, which alone is replaced; give another path")
    above = next(folder for folder in file.absolute().parents if folder.exists())
    if not above.is_dir():
        raise ReportInTheWay(f"report {path!r} lies in {str(above)!r}, which is no folder; give another path")


def is_replaced(path: str) -> bool:
    """Returns whether a file at ``path`` is replaced. A device or a pipe is written to."""
    file = Path(path)
    return not file.exists() or file.is_file() or file.is_dir()


def write_report(path: str, report: dict[str, Any]) -> None:
    """Writes a report, which appears when it is complete. Raises OSError if that fails."""
    text = json.dumps(report, indent=2, default=str) + "\n"
    if not is_replaced(path):
        Path(path).write_text(text, "utf-8")
        return
    file = Path(path).resolve()
    file.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(file) as unfinished:
        unfinished.write_text(text, "utf-8")


def _is_report(file: Path) -> bool:
    try:
        said = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and said.keys() >= _ENTRIES
