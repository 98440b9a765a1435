"""What the pages say is so: their links lead somewhere, and their commands name jobs, files and flags that exist."""

from __future__ import annotations

import re
import runpy
from dataclasses import fields
from pathlib import Path

import pytest

from elmo_udf.flags import parse
from tests.markdown import blocks, commands, job_command

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
OPTIONS: dict[str, type] = runpy.run_path(str(ROOT / "scripts" / "conf.py"))["OPTIONS"]
OF_OTHERS = (
    "--properties-file --master --deploy-mode --py-files --archives --files --conf --config --help "
    "--remote-name --remote-name-all --all --cluster --faults --oldest --python"
)
"""Flags of the pages that are neither a job's options nor a script's."""


@pytest.fixture(params=PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def page(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_the_pages_that_are_always_there_are_checked() -> None:
    names = {page.name for page in PAGES}
    assert names >= {"README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}


def test_every_job_is_listed_on_its_page() -> None:
    listed = re.findall(r"^\| \[`(\w+)\.py`\]", (ROOT / "docs" / "jobs.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(OPTIONS)


def headings(page: Path) -> set[str]:
    """Anchors that GitHub makes of the headings."""
    titles = re.findall(r"^#+ (.*)", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


def test_flags_exist(page: Path) -> None:
    """Wherever a page names one, in its text or in a command."""
    named = {field.name.replace("_", "-"): field.type for options in OPTIONS.values() for field in fields(options)}
    known = {f"--{name}" for name in named} | {f"--no-{name}" for name, kind in named.items() if kind == "bool"}
    scripts = [path for path in (ROOT / "scripts").rglob("*") if path.is_file() and path.suffix in ("", ".py")]
    known |= {flag for path in scripts for flag in re.findall(r"""["'](--[a-z][\w-]*)["']""", path.read_text("utf-8"))}
    used = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", page.read_text("utf-8")))
    assert used - known - set(OF_OTHERS.split()) == set()


def test_commands_are_accepted(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every job is there and takes what it is given; every script and file of settings is there."""
    monkeypatch.chdir(ROOT)
    for block in (block for block in blocks(page.read_text("utf-8")) if block.language == "bash"):
        for words in commands(block.code):
            for path in (word for word in words if re.match(r"(jobs|scripts|conf)/", word)):
                assert (ROOT / path).exists(), f"line {block.line}: {path}"
            if (started := job_command(words)) is not None:
                job, arguments = started
                parse(OPTIONS[job], arguments)  # a UserError says what is wrong


def test_commands_are_found_in_a_block() -> None:
    code = 'cd x && python jobs/a.py --text "a && b" \\\n    --k 2 >out  # and so\n'
    code += "tar a#b\ncat <<END\npython jobs/no.py\nEND\nls 'a\nb'|wc\n"
    found = list(commands(code))
    assert found[:2] == [["cd", "x"], ["python", "jobs/a.py", "--text", "a && b", "--k", "2", ">", "out"]]
    assert found[2:] == [["tar", "a#b"], ["cat", "<<", "END"], ["ls", "a\nb"], ["wc"]]
    assert [job_command(words) for words in found[:2]] == [None, ("a", ["--text", "a && b", "--k", "2"])]
