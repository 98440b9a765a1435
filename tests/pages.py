"""Pages in Markdown as programs: their blocks are run, and what they show is compared with what is printed.

A block in bash, python or sql is run unless the comment before it says why not: ``<!-- not run: REASON -->``. The
Python blocks of a section are one program, and so is SQL in it, in the session ``spark``. Lines of a text block are in
what the block before it printed, in this order; numbers agree within 5e-6.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from elmo_udf.spark import internals
from tests.markdown import blocks, commands, job_command

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Program:
    """What is run at once, and lines that its output must have."""

    language: str
    code: str
    line: int
    expected: list[str] = field(default_factory=list)
    in_process: bool = False


def programs(page: str, more: str = "") -> list[Program]:
    """What is to run, in order; a block of nothing but ``python jobs/x.py`` in the session of the tests.

    ``more`` is added to the arguments of such a block.
    """
    found: list[Program] = []
    section = -1
    for block in (block for block in blocks(page) if block.reason is None):
        code = f'spark.sql("""{block.code}""").collect()\n' if block.language == "sql" else block.code
        if block.language == "text":
            assert found, f"line {block.line}: nothing printed this; say so in a comment before it"
            found[-1].expected += block.code.splitlines()
        elif block.language != "bash" and found and found[-1].language == "python" and block.section == section:
            found[-1].code += code
        else:
            found.append(Program("bash" if block.language == "bash" else "python", code, block.line))
        section = block.section
    for program in found:
        program.in_process = program.language == "bash" and only_jobs(program.code)
        if program.in_process and more:
            program.code = f"{program.code.rstrip()} {more}"
    return found


def only_jobs(code: str) -> bool:
    """Whether each command starts a job, and no shell is needed: no redirection, no pipe."""
    found = list(commands(code))
    plain = all(words[0] == "python" and (job_command(words) or ("", []))[1] == words[2:] for words in found)
    return plain and not re.search(r"[|&;<>$]", code)


def make_folder(path: Path) -> Path:
    """A working directory in which a page's paths lead to the project, and where the programs leave their files."""
    for name in ("jobs", "conf"):
        (path / name).symlink_to(ROOT / name)
    (path / "docs").mkdir()
    for data in (ROOT / "docs").glob("*.csv"):  # copies, for pages draw their pictures beside them
        shutil.copy(data, path / "docs")
    return path


def check(folder: Path, program: Program, request: pytest.FixtureRequest) -> None:
    """Run it, and look for what it should print."""
    if program.in_process:
        spark = request.getfixturevalue("spark")
        output = "".join(run_here(words, folder, spark) for words in commands(program.code))
    else:
        output = run_as_process(program, folder)
    printed = iter(output.splitlines())
    for line in program.expected:
        assert any(same(line, other) for other in printed), f"not printed, or not here: {line!r} in\n{output}"


def run_as_process(program: Program, folder: Path) -> str:
    """Run as the reader does, and return what was printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYSPARK_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    if "--properties-file" in program.code:
        environment["SPARK_SUBMIT_OPTS"] += f" {events(folder)}"
    run = ["bash", "-euo", "pipefail", "-c"] if program.language == "bash" else ["python", "-c"]
    done = subprocess.run(
        [*run, program.code], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{program.code}\n{done.stderr[-3000:]}"
    return done.stdout


def events(folder: Path) -> str:
    """Options of the JVM that make Spark write down its settings in the folder ``events``."""
    (folder / "events").mkdir()
    settings = {"enabled": "true", "compress": "false", "rolling.enabled": "false", "dir": f"file:{folder}/events"}
    return " ".join(f"-Dspark.eventLog.{name}={value}" for name, value in settings.items())


def run_here(words: list[str], folder: Path, spark: SparkSession) -> str:
    """Run the script of a job in this process, with its arguments and in its folder; return what it printed."""
    printed, argv, stdin = io.StringIO(), sys.argv, sys.stdin
    with working_directory(spark, folder), contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as end:
        sys.argv, sys.stdin = words[1:], io.StringIO("The moon and the tides.\n")
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        finally:
            sys.argv, sys.stdin = argv, stdin
    assert end.value.code == 0, words
    return printed.getvalue()


@contextlib.contextmanager
def working_directory(spark: SparkSession, folder: Path) -> Iterator[None]:
    """Python and Spark's local file system in ``folder``."""
    hadoop = internals.jvm().org.apache.hadoop.fs
    local = hadoop.FileSystem.get(internals.hadoop_configuration(spark))
    before = local.getWorkingDirectory()
    local.setWorkingDirectory(hadoop.Path(str(folder)))
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        local.setWorkingDirectory(before)


def same(expected: str, printed: str) -> bool:
    left, right = expected.split(), printed.split()
    return len(left) == len(right) and all(map(same_word, left, right))


def same_word(expected: str, printed: str) -> bool:
    if re.fullmatch(r"-?\d+\.\d+", expected) and re.fullmatch(r"-?\d+\.\d+", printed):
        return abs(float(expected) - float(printed)) < 5e-6
    return expected == printed
