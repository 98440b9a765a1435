"""The demo: real jobs on a small sample of its corpus, and how it chooses what to show."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import demo_run
import numpy as np
import pyarrow.parquet as pq
import pytest
from matplotlib.image import imread

DOCUMENTS = 60


@pytest.fixture(scope="module")
def demo(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder and standard output of one run of scripts/demo (its second half alone where .venv is not in use)."""
    folder = tmp_path_factory.mktemp("demo") / "out put"
    log = folder.with_name("pip.log")
    command = [str(root / "scripts" / "demo")]
    if Path(sys.prefix) != root / ".venv":
        command = [sys.executable, str(root / "scripts" / "demo_run.py")]
    done = subprocess.run(
        [*command, "--output", str(folder), "--documents", str(DOCUMENTS)],
        env=os.environ | {"PIP_LOG": str(log)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not log.exists(), "nothing is installed when the tests run, as everything is there"
    return folder, done.stdout


def test_demo_ends_with_pairs_paths_speed_and_model(demo: tuple[Path, str]) -> None:
    folder, output = demo
    tail = output.splitlines()[-4:]
    assert tail[0].split(maxsplit=2)[2] == f"{folder}/embeddings, {folder}/topk, {folder}/pairs"
    assert tail[1].split(maxsplit=1)[1] == f"{folder}/similarity.png"
    assert re.fullmatch(r"speed +[1-9][\d,]* tokens/s \([1-9][\d,]* tokens\)", tail[2])
    note = json.loads((folder / "embeddings-report.json").read_text("utf-8"))["model_note"]
    assert tail[3] == f"model           {note or 'builtin:mini'}"
    assert "builtin:mini" in tail[3]


def test_demo_tables_hold_the_sample(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    ids = {json.loads(line)["id"] for line in (folder / "corpus.jsonl").read_text("utf-8").split("\n") if line}
    assert len(ids) == DOCUMENTS
    assert set(pq.read_table(folder / "embeddings")["id"].to_pylist()) == ids
    assert pq.read_table(folder / "topk").num_rows == 5 * DOCUMENTS
    assert pq.read_table(folder / "pairs").num_rows > 0


def test_demo_shows_the_pairs_of_greatest_cosine(demo: tuple[Path, str]) -> None:
    folder, output = demo
    table = pq.read_table(folder / "embeddings")
    ids, vectors = table["id"].to_pylist(), np.array(table["embedding"].to_pylist())
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = np.triu(vectors @ vectors.T, 1)
    left, right = np.unravel_index(cosines.argmax(), cosines.shape)
    shown = re.findall(r"^([01]\.\d{6})  (\S+) .*\n {10}(\S+) ", output, re.MULTILINE)
    assert 3 <= len(shown) <= 10
    assert {shown[0][1], shown[0][2]} == {ids[left], ids[right]}
    assert float(shown[0][0]) == pytest.approx(cosines.max(), abs=2e-6)
    assert [row[0] for row in shown] == sorted((row[0] for row in shown), reverse=True)


def test_demo_picture(demo: tuple[Path, str]) -> None:
    path = demo[0] / "similarity.png"
    height, width, _ = imread(path).shape
    assert height > 500 and width > 700
    assert path.stat().st_size < 200_000


@pytest.mark.parametrize(
    ("flags", "named"), [(["--documents", "1"], "at least 2"), (["--output", __file__], "expected a folder")]
)
def test_demo_refuses_bad_flags(root: Path, flags: list[str], named: str) -> None:
    command = [sys.executable, str(root / "scripts" / "demo_run.py"), *flags]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 2
    assert named in done.stderr.splitlines()[-1]


@pytest.mark.usefixtures("spark")
def test_demo_stops_at_a_model_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in demo_run.QUIET:
        monkeypatch.setenv(name, "")  # which the demo sets; afterwards they are as before
    monkeypatch.setattr(sys, "argv", ["demo", "nowhere/model", "--output", str(tmp_path), "--documents", "5"])
    assert demo_run.main() == 2
    output, errors = capfd.readouterr()
    assert "nowhere/model" in errors.splitlines()[-1]
    assert "Traceback" not in errors
    assert "jobs/embed.py" in output and "jobs/similarity.py" not in output


def test_groups_are_tight_and_from_different_modules() -> None:
    rows = [
        (0.99, "a.x", "a.y"),
        (0.99, "a.y", "a.x"),
        (0.98, "b.x", "b.y"),
        (0.97, "a.x", "a.z"),
        (0.96, "b.x", "c.z"),
        (0.95, "a.y", "a.z"),
        (0.80, "c.x", "c.z"),  # shares a member with the group of b.x
        (0.80, "topic:x", "topic:y"),
        (0.70, "topic:z", "d.x"),  # a second group of the topics
    ]
    assert demo_run.groups(rows) == ["a.x", "a.y", "a.z", "b.x", "b.y", "c.z", "topic:x", "topic:y"]


def test_threshold_is_reached_by_about_the_pairs_wanted() -> None:
    rows = [(1 - 0.01 * (i // 2), f"{i}", f"{i ^ 1}") for i in range(20)]  # 10 pairs, named from both sides
    threshold = demo_run.cosine_of_last(rows, 4)
    assert sum(row[0] >= threshold for row in rows) == 8
    rows = rows[:1] + rows[2:]  # the second document of a pair may have nearer ones
    assert sum(row[0] >= demo_run.cosine_of_last(rows, 4) for row in rows) == 7
    assert demo_run.cosine_of_last(rows, 100) == rows[-1][0]


def test_snippet_is_one_short_line() -> None:
    assert demo_run.snippet("a\n  b") == "a b"
    assert len(demo_run.snippet(200 * "word ")) == demo_run.SNIPPET_CHARACTERS
