"""The table of public reports: each row names a test that shows what happens here in its situation."""

from __future__ import annotations

import ast
import csv
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ["situation", "report", "input", "outcome", "test"]


def rows() -> list[dict[str, str]]:
    with (ROOT / "tests" / "reports.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == COLUMNS
        return list(reader)


@cache
def functions_in(path: str) -> set[str]:
    return {node.name for node in ast.parse((ROOT / path).read_text("utf-8")).body if isinstance(node, ast.FunctionDef)}


def test_every_row_is_filled_and_names_a_test() -> None:
    found = rows()
    assert len(found) >= 60
    for row in found:
        assert all(row[name].strip() for name in COLUMNS), row
        assert re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", row["report"]), row
        path, _, name = row["test"].partition("::")
        assert name.startswith("test_") and name in functions_in(path), row


def test_every_report_is_named_once() -> None:
    reports = [row["report"] for row in rows()]
    assert len(reports) == len(set(reports))
