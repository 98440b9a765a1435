"""The README's table of measurements is made from the committed results."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "scripts" / "benchmarks"


def test_the_readme_has_the_results_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    import table

    text = (table.ROOT / "README.md").read_text("utf-8")
    assert table.BEGIN in text and table.END in text
    assert table.with_table(text) == text, "run scripts/benchmarks/table.py"
    for file, bars, *_ in table.ROWS:
        if (path := table.RESULTS / f"{file}.json").exists():
            assert all(f'"{bar}"' in path.read_text("utf-8") for bar in bars)
