"""Every command of the pages in docs/ that are listed here runs, in order, and prints what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.page_inputs import write_inputs
from tests.pages import ROOT, Program, check, make_folder, programs

PAGES = ("embed", "growing", "jobs", "tables")
LONG = (
    *("pyspark", "clean", "pairs", "compare", "words", "similarity"),
    *("classify", "train", "languages", "evaluate", "sentiment", "vectors", "dedup"),
)
"""Pages that only ``scripts/test --all`` runs."""
MADE = (("articles", "vectors"), ("new", "new"))
BEFORE = {"similarity": [f"python jobs/embed.py --input {name}.csv --output {table}" for name, table in MADE]}
"""Commands whose tables a page reads and does not make."""
SHORTER = {"sentiment": "--repeats 2 --max-epochs 1"}
"""Options that a test adds to the commands of a page, for without them they take ten minutes."""
TEXTS = {page: (ROOT / "docs" / f"{page}.md").read_text("utf-8") for page in (*PAGES, *LONG)}
PROGRAMS = [(page, program) for page, text in TEXTS.items() for program in programs(text, SHORTER.get(page, ""))]
FIRST = {page: program for page, program in reversed(PROGRAMS)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A working directory for each page."""
    folders = {page: make_folder(tmp_path_factory.mktemp(page)) for page in (*PAGES, *LONG)}
    for page in LONG:
        write_inputs(folders[page])
    return folders


@pytest.mark.parametrize(
    ("page", "program"),
    [pytest.param(*one, marks=pytest.mark.slow if one[0] in LONG else []) for one in PROGRAMS],
    ids=lambda value: getattr(value, "line", value),
)
def test_program(folders: dict[str, Path], page: str, program: Program, request: pytest.FixtureRequest) -> None:
    if program is FIRST[page]:
        for command in BEFORE.get(page, ()):
            check(folders[page], Program("bash", command, 0, in_process=True), request)
    check(folders[page], program, request)


def test_the_jobs_of_the_pages_are_among_them() -> None:
    found = [page for page, program in PROGRAMS if program.in_process]
    assert [found.count(page) for page in PAGES] == [3, 8, 1, 1]
    assert [found.count(page) for page in LONG] == [1, 1, 1, 1, 4, 5, 1, 1, 0, 1, 2, 0, 2]


def test_rejects_and_tokens_have_the_columns_of_the_page(folders: dict[str, Path]) -> None:
    """This test reads what the programs have written; test_readme.py looks at the table of documents."""
    assert columns_of(folders["tables"] / "vectors-rejects") == ["id", "reason", "detail"]
    assert "`id`, `reason` and `detail`" in TEXTS["tables"]
    tokens = columns_of(folders["embed"] / "tokens")[:4]
    assert tokens == ["id", "sentence_index", "token_index", "token"]
    assert all(f"`{name}`" in TEXTS["tables"] for name in tokens)


def columns_of(table: Path) -> list[str]:
    return list(pq.read_schema(next(table.glob("*.parquet"))).names)


def test_reasons_are_those_of_the_code() -> None:
    table = TEXTS["tables"].split("| reason | what is wrong with the row |\n")[1].split("\n\n")[0]
    said = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    code = "".join(path.read_text("utf-8") for path in (ROOT / "elmo_udf" / "embedding").glob("*.py"))
    ending = "id|text|record|large|vector|utf8"
    assert said == set(re.findall(rf'"((?:null|not|blank|duplicate|malformed|too|non_finite)_(?:{ending}))"', code))
