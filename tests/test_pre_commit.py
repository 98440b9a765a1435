"""The hooks of .pre-commit-config.yaml, run as git runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = '"""A module."""\n\nVALUE: int = 1\n'


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """A repository with our settings, the packages of this Python as its .venv, and one file."""
    for name in (".pre-commit-config.yaml", "pyproject.toml"):
        shutil.copy(root / name, tmp_path)
    for name in ("jobs", "scripts", "elmo_udf"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "module.py").write_text(GOOD, "utf-8")
    (tmp_path / "setup.py").write_text(GOOD, "utf-8")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', "utf-8")
    (tmp_path / ".venv" / "bin" / "python").chmod(0o755)
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".git" / "info" / "exclude").write_text(".*_cache/\n.venv/\n", "utf-8")
    return tmp_path


def git(checkout: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=checkout, check=True, capture_output=True, env=environment(checkout))


def environment(checkout: Path) -> dict[str, str]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT", "SKIP"))}
    return outside | {"PRE_COMMIT_HOME": str(checkout / ".git" / "hooks-home")}


def run_hooks(checkout: Path) -> tuple[int, str]:
    git(checkout, "add", "--all")
    command = [sys.executable, "-m", "pre_commit", "run", "--all-files"]
    done = subprocess.run(command, cwd=checkout, env=environment(checkout), capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_hooks_pass_a_good_file(checkout: Path) -> None:
    code, said = run_hooks(checkout)
    assert (code, said.count("Passed")) == (0, 3), said


@pytest.mark.parametrize(
    ("hook", "text", "finding"),
    [
        ("ruff check", f"{GOOD}import os\n", "F401"),
        ("ruff format", GOOD.replace("= 1", "=   1"), "1 file reformatted"),
        ("mypy", GOOD.replace("= 1", '= "one"'), "[assignment]"),
    ],
)
def test_each_hook_stops_what_it_is_for(checkout: Path, hook: str, text: str, finding: str) -> None:
    (checkout / "elmo_udf" / "module.py").write_text(text, "utf-8")
    code, said = run_hooks(checkout)
    failed = {line.split("...")[0] for line in said.splitlines() if line.endswith("Failed")}
    assert (code, failed >= {hook}, finding in said) == (1, True, True), said
