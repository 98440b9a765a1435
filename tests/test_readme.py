"""Every command and snippet of README.md runs, in order, and what the README says of them is so.

Programs are processes of their own, as for the reader, with one exception: of the commands ``python jobs/x.py``, which
all start alike, only the first starts its own Spark. The others run in this process, in the session of the tests.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.markdown import blocks
from tests.pages import ROOT, Program, check, make_folder, programs
from tests.test_conf import properties

README = (ROOT / "README.md").read_text("utf-8")
PROGRAMS = programs(README)
next(program for program in PROGRAMS if program.in_process).in_process = False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("readme"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: f"line{program.line}")
def test_program(folder: Path, program: Program, request: pytest.FixtureRequest) -> None:
    check(folder, program, request)


def test_what_is_not_run_has_its_reason() -> None:
    found = blocks(README)
    assert {block.language for block in found} == {"bash", "python", "sql", "text"}
    assert README.count("\n```") == 2 * len(found), "a fence that no pattern here sees"
    assert README.count("<!-- not run") == len([block for block in found if block.reason])
    assert len(PROGRAMS) >= 6


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


def test_tables_have_the_columns_that_the_pages_name(folder: Path) -> None:
    """This test reads what the programs have written."""
    table = page("tables").split("| column | type | content |\n")[1].split("\n\n")[0]
    said = dict(re.findall(r"^\| `(\w+)` \| (\w+)", table, re.MULTILINE))
    schema = pq.read_schema(next((folder / "vectors").glob("*.parquet")))
    types = {"list": "array", "int32": "int", "timestamp[us, tz=UTC]": "timestamp", "string": "string"}
    found = {column.name: types[str(column.type).partition("<")[0]] for column in schema}
    assert list(found) == [*said, "source"]
    assert found == {**said, "id": "string", "source": "string"}
    pairs = pq.read_schema(next((folder / "pairs").glob("*.parquet"))).names
    assert pairs == ["id_a", "id_b", "cosine"]
    assert "`id_a`, `id_b`, `cosine`" in page("similarity")


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text("utf-8")


def test_it_is_short() -> None:
    assert len(README.splitlines()) < 170, "move what is only looked up to a page of docs/"
