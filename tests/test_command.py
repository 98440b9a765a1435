"""The command elmo-udf in a checkout; test_setup.py installs it from a wheel."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from elmo_udf import command
from elmo_udf.version import __version__


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["elmo-udf", *arguments])
    try:
        return command.main()
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize("arguments", [(), ("--help",)], ids=["nothing", "help"])
def test_help_lists_every_job(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], root: Path, arguments: tuple[str, ...]
) -> None:
    assert run(monkeypatch, *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    for path in (root / "jobs").glob("*.py"):
        assert any(line.split()[:1] == [path.stem] and len(line.split()) > 5 for line in lines), path.stem


def test_a_job_gets_its_options(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "embed", "--help") == 0
    assert "--keep-columns" in capsys.readouterr().out
    assert run(monkeypatch, "embed", "--inptu", "x") == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_path_and_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], root: Path) -> None:
    assert run(monkeypatch, "path", "embed") == 0
    assert capsys.readouterr().out == f"{root / 'jobs' / 'embed.py'}\n"
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"elmo-udf {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("embde",), "job 'embde' is unknown; did you mean embed?"),
        (("path", "embde"), "did you mean embed?"),
        (("path",), "job '' is unknown; expected one of classify, "),
    ],
    ids=["job", "path of a job", "path of nothing"],
)
def test_mistakes_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert run(monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
