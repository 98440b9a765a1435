"""Every command and snippet of README.md runs, in order, and what the README says of them is so.

A block in bash, python or sql is run unless the comment before it says why not: ``<!-- not run: REASON -->``. The
Python blocks of a section are one program, and so is SQL in it, in the session ``spark``. Lines of a text block are in
what the block before it printed, in this order; numbers agree within 5e-6.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from elmo_udf.options import EmbedOptions, QueryOptions, SimilarityOptions

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
OF_OTHERS = "--properties-file --master --deploy-mode --py-files --archives --conf --config --help --remote-name-all"
"""Flags of the README that are no options of a job."""


@dataclass
class Program:
    """What is run at once, and lines that its output must have."""

    language: str
    code: str
    line: int
    expected: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Block:
    """A fenced block, with the heading above it and the reason not to run it."""

    language: str
    code: str
    line: int
    heading: int
    reason: str | None


def blocks() -> list[Block]:
    pattern = re.compile(
        r"(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$",
        re.MULTILINE | re.DOTALL,
    )
    found = []
    for match in pattern.finditer(README):
        before = README[: match.start()]
        line, heading = before.count("\n") + 1, len(re.findall(r"^## ", before, re.MULTILINE))
        found.append(Block(match["language"], match["code"], line, heading, match["reason"]))
    return found


def programs() -> list[Program]:
    found: list[Program] = []
    heading = -1
    for block in (block for block in blocks() if block.reason is None):
        code = f'spark.sql("""{block.code}""").collect()\n' if block.language == "sql" else block.code
        if block.language == "text":
            found[-1].expected += block.code.splitlines()
        elif block.language != "bash" and found[-1].language == "python" and block.heading == heading:
            found[-1].code += code
        else:
            found.append(Program("bash" if block.language == "bash" else "python", code, block.line))
        heading = block.heading
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
def test_program(folder: Path, program: Program) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYSPARK_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    run = ["bash", "-euo", "pipefail", "-c"] if program.language == "bash" else ["python", "-c"]
    done = subprocess.run(
        [*run, program.code], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{program.code}\n{done.stderr[-3000:]}"
    printed = iter(done.stdout.splitlines())
    for line in program.expected:
        assert any(same(line, other) for other in printed), f"not printed, or not here: {line!r} in\n{done.stdout}"


def same(expected: str, printed: str) -> bool:
    left, right = expected.split(), printed.split()
    return len(left) == len(right) and all(map(same_word, left, right))


def same_word(expected: str, printed: str) -> bool:
    if re.fullmatch(r"-?\d+\.\d+", expected) and re.fullmatch(r"-?\d+\.\d+", printed):
        return abs(float(expected) - float(printed)) < 5e-6
    return expected == printed


def test_what_is_not_run_has_its_reason() -> None:
    assert {block.language for block in blocks()} == {"bash", "python", "sql", "text"}
    assert README.count("\n```") == 2 * len(blocks()), "a fence that no pattern here sees"
    assert README.count("<!--") == len([block for block in blocks() if block.reason])
    assert len(PROGRAMS) >= 9
    starts = [program for program in PROGRAMS if "jobs/" in program.code or "SparkSession" in program.code]
    assert len(starts) <= 8, "each takes seconds to start"


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


def test_flags_exist() -> None:
    named = {f.name for options in (EmbedOptions, SimilarityOptions, QueryOptions) for f in fields(options)}
    flags = {"--" + name.replace("_", "-") for name in named}
    used = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", README))
    assert used - flags == set(OF_OTHERS.split())


def test_reasons_are_those_of_the_code() -> None:
    table = README.split("| reason | |\n")[1].split("\n\n")[0]
    said = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    code = "".join(path.read_text("utf-8") for path in (ROOT / "elmo_udf" / "embedding").glob("*.py"))
    ending = "id|text|record|large|vector|utf8"
    assert said == set(re.findall(rf'"((?:null|not|blank|duplicate|malformed|too|non_finite)_(?:{ending}))"', code))


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md"])
def test_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)", text, re.MULTILINE)}
    for target in re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'src="([^"]+)"', text):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("http"):
            assert (ROOT / target).exists(), target
