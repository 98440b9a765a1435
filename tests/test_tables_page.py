"""Every command of docs/tables.md runs, in order, and prints what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages import ROOT, Program, check, make_folder, programs

PROGRAMS = programs((ROOT / "docs" / "tables.md").read_text("utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("tables"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: f"line{program.line}")
def test_program(folder: Path, program: Program, request: pytest.FixtureRequest) -> None:
    check(folder, program, request)


def test_the_jobs_of_the_page_are_among_them() -> None:
    assert sum(program.in_process for program in PROGRAMS) >= 8
