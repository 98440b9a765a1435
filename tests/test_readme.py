"""Every command and snippet of README.md runs, in order, and what the README says of them is so.

A block in bash, python or sql is run unless the comment before it says why not: ``<!-- not run: REASON -->``. The
Python blocks of a section are one program, and so is SQL in it, in the session ``spark``. Lines of a text block are in
what the block before it printed, in this order; numbers agree within 5e-6.

Programs are processes of their own, as for the reader, with one exception: of the commands ``python jobs/x.py``, which
all start alike, only the first starts its own Spark. The others run in this process, in the session of the tests.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from tests.markdown import blocks, commands, job_command
from tests.test_conf import properties

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


@dataclass
class Program:
    """What is run at once, and lines that its output must have."""

    language: str
    code: str
    line: int
    expected: list[str] = field(default_factory=list)
    in_process: bool = False


def programs() -> list[Program]:
    found: list[Program] = []
    section = -1
    for block in (block for block in blocks(README) if block.reason is None):
        code = f'spark.sql("""{block.code}""").collect()\n' if block.language == "sql" else block.code
        if block.language == "text":
            found[-1].expected += block.code.splitlines()
        elif block.language != "bash" and found[-1].language == "python" and block.section == section:
            found[-1].code += code
        else:
            found.append(Program("bash" if block.language == "bash" else "python", code, block.line))
        section = block.section
    alike = [program for program in found if re.match(r"python jobs/\w+\.py ", program.code)]
    for program in alike[1:]:
        program.in_process = len(list(commands(program.code))) == 1
    return found


PROGRAMS = programs()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory in which the README's paths lead to the project, and where the programs leave their files."""
    path = tmp_path_factory.mktemp("readme")
    for name in ("jobs", "conf"):
        (path / name).symlink_to(ROOT / name)
    return path


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: f"line{program.line}")
def test_program(folder: Path, program: Program, request: pytest.FixtureRequest) -> None:
    if program.in_process:
        output = run_here(program.code, folder, request.getfixturevalue("spark"))
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


def run_here(code: str, folder: Path, spark: SparkSession) -> str:
    """Run the script of a job in this process, with its arguments and in its folder; return what it printed."""
    (words,) = commands(code)
    job, arguments = job_command(words) or pytest.fail(f"no job in {code!r}")
    printed, argv = io.StringIO(), sys.argv
    with working_directory(spark, folder), contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as end:
        sys.argv = [f"jobs/{job}.py", *arguments]
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        finally:
            sys.argv = argv
    assert end.value.code == 0, code
    return printed.getvalue()


@contextlib.contextmanager
def working_directory(spark: SparkSession, folder: Path) -> Iterator[None]:
    """Python and Spark's local file system in ``folder``."""
    hadoop = spark.sparkContext._jvm.org.apache.hadoop.fs  # type: ignore[union-attr]
    local = hadoop.FileSystem.get(spark.sparkContext._jsc.hadoopConfiguration())  # type: ignore[union-attr]
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


def test_what_is_not_run_has_its_reason() -> None:
    found = blocks(README)
    assert {block.language for block in found} == {"bash", "python", "sql", "text"}
    assert README.count("\n```") == 2 * len(found), "a fence that no pattern here sees"
    assert README.count("<!-- not run") == len([block for block in found if block.reason])
    assert len(PROGRAMS) >= 9


def test_every_way_to_start_is_a_process_of_its_own() -> None:
    own = [program for program in PROGRAMS if not program.in_process]
    ways = {"python job": "python jobs/", "spark-submit": "spark-submit ", "library": "SparkSession.builder"}
    starts = {way: [program.line for program in own if text in program.code] for way, text in ways.items()}
    assert {way: len(lines) for way, lines in starts.items()} == {"python job": 1, "spark-submit": 1, "library": 1}


def test_spark_submit_took_the_properties(folder: Path) -> None:
    """After the programs: every property of conf/local.conf, as the session that was started with the file had it."""
    (log,) = (folder / "events").iterdir()
    lines = map(json.loads, log.read_text("utf-8").splitlines())
    told = next(event for event in lines if event["Event"] == "SparkListenerEnvironmentUpdate")
    found = dict(told["Spark Properties"])
    expected = properties(ROOT / "conf" / "local.conf")
    assert {name: found.get(name) for name in expected} == expected


def test_tables_have_the_columns_that_are_said(folder: Path) -> None:
    """After the programs."""
    table = README.split("| column | type | |\n")[1].split("\n\n")[0]
    said = dict(re.findall(r"^\| `(\w+)` \| (\w+)", table, re.MULTILINE))
    schema = pq.read_schema(next((folder / "vectors").glob("*.parquet")))
    types = {"list": "array", "int32": "int", "timestamp[us, tz=UTC]": "timestamp", "string": "string"}
    found = {column.name: types[str(column.type).partition("<")[0]] for column in schema}
    assert list(found) == [*said, "source"]
    assert found == {**said, "id": "string", "source": "string"}
    columns = {
        "neighbors": "id rank neighbor_id cosine",
        "pairs": "id_a id_b cosine",
        "vectors-rejects": "id reason detail",
    }
    for name, expected in columns.items():
        assert pq.read_schema(next((folder / name).glob("*.parquet"))).names == expected.split()
        assert all(f"`{column}`" in README for column in expected.split())
    tokens = pq.read_schema(next((folder / "tokens").glob("*.parquet"))).names
    assert tokens[:4] == ["id", "sentence_index", "token_index", "token"]


def test_reasons_are_those_of_the_code() -> None:
    table = README.split("| reason | |\n")[1].split("\n\n")[0]
    said = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    code = "".join(path.read_text("utf-8") for path in (ROOT / "elmo_udf" / "embedding").glob("*.py"))
    ending = "id|text|record|large|vector|utf8"
    assert said == set(re.findall(rf'"((?:null|not|blank|duplicate|malformed|too|non_finite)_(?:{ending}))"', code))
