"""``--help`` of every job says what the job does, shows the required options first, and groups the others."""

from __future__ import annotations

import ast
import re
import runpy
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from elmo_udf.flags import make_parser, parse
from elmo_udf.options import SECTIONS, sections_of

ROOT = Path(__file__).resolve().parents[1]
OPTIONS: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "conf.py"))["OPTIONS"]
OF_EVERY_JOB = ["--help", "--config", "--report", "--dry-run", "--log-level"]


def description(job: str) -> str:
    found = ast.get_docstring(ast.parse((ROOT / "jobs" / f"{job}.py").read_text("utf-8")))
    assert found is not None
    return found


@pytest.fixture(params=OPTIONS)
def job(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def text(job: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "100")
    return make_parser(OPTIONS[job], description(job)).format_help()


def test_the_first_line_says_what_the_job_does(job: str, text: str) -> None:
    first = text.splitlines()[0]
    assert first == description(job)
    assert re.fullmatch(r"[A-Z][^\n]{20,110}\.", first)


def test_required_options_come_first_and_without_brackets(job: str, text: str) -> None:
    required = [item for item in fields(OPTIONS[job]) if item.default is MISSING]
    usage = " ".join(text[text.index("usage: ") : text.index("\n\n", text.index("usage: "))].split())
    assert usage.endswith(" [options]")
    assert usage.count("[") == 1
    first_group = text[text.index("required options (") : text.index("\n\n", text.index("required options ("))]
    for item in required:
        name = "|" if item.metadata["positional"] else f"--{item.name.replace('_', '-')} "
        assert name in usage and name in first_group
    assert re.findall(r"^([a-z]+) options", text, re.MULTILINE)[0] == "required"


def test_sections_are_in_order_and_those_of_every_job_come_last(job: str, text: str) -> None:
    titles = re.findall(r"^([a-z]+) options", text, re.MULTILINE)[1:]
    assert titles == [section for section in SECTIONS if section in titles]
    last = text[text.index("\njob options:") :]
    assert all(flag in last for flag in OF_EVERY_JOB)


def test_every_option_is_shown_once(job: str, text: str) -> None:
    shown = [flag for line in re.findall(r"^  (?:-h, )?(--.*)", text, re.MULTILINE) for flag in flags_of(line)]
    named = [item for item in fields(OPTIONS[job]) if not item.metadata["positional"]]
    assert sorted(shown) == sorted(["--help", "--config", *(f"--{item.name.replace('_', '-')}" for item in named)])
    assert sum(map(len, sections_of(OPTIONS[job]).values())) == len(fields(OPTIONS[job]))


def flags_of(line: str) -> list[str]:
    """Returns the flag at the beginning of a line of help, without its ``--no-`` form."""
    return [line.split()[0].rstrip(",")]


def test_every_option_is_explained_by_sentences(job: str) -> None:
    for item in fields(OPTIONS[job]):
        sentences = item.metadata["help"]
        assert re.fullmatch(r"[A-Z].{10,}\.", sentences), f"--{item.name}: {sentences}"


def test_help_is_printed_and_ends_the_job(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(OPTIONS["embed"], ["--help"], "Embed documents.")
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("Embed documents.\n\nusage: ")
