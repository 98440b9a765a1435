"""Jobs are killed at random moments: driver, JVM or Python worker; the same command ends what they were at."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.conftest import Corpus
from tests.faults.processes import Job, kill, start
from tests.kills import content, leftovers

N_KILLS = int(os.environ.get("ELMO_RANDOM_KILLS", "0"))
"""Of all jobs together; without this variable none, for sixty take an hour. The n-th kill is always at the same share
of the time that an undisturbed run takes."""
LOCAL = ("spark.master=local[2]",)
VICTIMS = ("driver", "JVM", "worker")


@dataclass(frozen=True)
class Command:
    """A job with its flags, relative to a folder that other jobs have prepared."""

    job: str
    flags: str
    outputs: tuple[str, ...]
    before: tuple[tuple[str, str], ...] = ()


FIRST = ("embed", "--input first.jsonl --output out")
SECOND = ("embed", "--input more.jsonl --output out --mode append")
NEIGHBORS = ("similarity", "topk --embeddings out --output nb --k 2")
COMMANDS = {
    "embed error": Command("embed", "--input all.jsonl --output out", ("out", "out-rejects")),
    "embed overwrite": Command(
        "embed", "--input all.jsonl --output out --mode overwrite", ("out", "out-rejects"), (FIRST,)
    ),
    "embed append": Command("embed", "--input more.jsonl --output out --mode append", ("out", "out-rejects"), (FIRST,)),
    "embed incremental": Command(
        "embed", "--input all.jsonl --output out --mode incremental --commit-every 40", ("out", "out-rejects"), (FIRST,)
    ),
    "similarity update": Command(
        "similarity",
        "topk --embeddings out --output nb --update nb --mode overwrite --k 2",
        ("nb",),
        (FIRST, NEIGHBORS, SECOND),
    ),
    "compact": Command("compact", "--embeddings out", ("out",), (FIRST, SECOND)),
    "classify": Command(
        "classify", "--train labelled.jsonl --label-column label --output out --mode overwrite", ("out",)
    ),
    "train": Command(
        "train",
        "--input text.txt --output model --epochs 1 --projection-dim 8 --cell-dim 16 --filters 1:8,2:8 --min-count 1"
        " --n-sampled-words 5 --mode overwrite",
        ("model",),
    ),
}


def prepare(root: Path, folder: Path, corpus: Corpus, command: Command) -> None:
    lines = corpus.input.read_text().splitlines(keepends=True)[:120]
    for name, part in {"all": lines, "first": lines[:60], "more": lines[70:120]}.items():
        (folder / f"{name}.jsonl").write_text("".join(part))
    labelled = [line.replace('{"id"', f'{{"label": "{i % 2}", "id"', 1) for i, line in enumerate(lines)]
    (folder / "labelled.jsonl").write_text("".join(labelled))
    (folder / "text.txt").write_text("".join(f"the moon moves tide number {i % 7} .\n" for i in range(400)))
    for job, flags in command.before:
        assert run(root, folder, job, flags).finish() == 0


def run(root: Path, folder: Path, job: str, flags: str) -> Job:
    return start(root, folder, job, *flags.split(), settings=LOCAL)


def end_one(job: Job, victim: str) -> None:
    found = {"driver": lambda: [job.process.pid], "JVM": lambda: job.processes("java"), "worker": lambda: job.workers()}
    find: Callable[[], list[int]] = found[victim]
    for pid in find()[:1]:
        kill(pid)
    job.process.wait(timeout=300) if victim != "driver" else None
    job.clear()


@pytest.mark.skipif(not N_KILLS, reason="takes a minute a kill: set ELMO_RANDOM_KILLS, to 60 for example")
@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_random_moments(root: Path, tmp_path: Path, corpus: Corpus, outcome: list[str], name: str) -> None:
    """Driver, JVM or Python worker of a job is killed at a random moment, and the command is run again."""
    command, draw = COMMANDS[name], random.Random(name)
    before, work = tmp_path / "before", tmp_path / "w"
    before.mkdir()
    prepare(root, before, corpus, command)
    for log in before.glob("*.log"):
        log.unlink()
    shutil.copytree(before, work)
    started = time.monotonic()
    assert run(root, work, command.job, command.flags).finish() == 0
    seconds = time.monotonic() - started
    expected = {one: content(work / one) for one in command.outputs}
    n_kills = max(1, N_KILLS // len(COMMANDS))
    for i in range(n_kills):
        victim, moment = VICTIMS[i % len(VICTIMS)], draw.uniform(0.1, 1.0) * seconds
        shutil.rmtree(work)
        shutil.copytree(before, work)
        job = run(root, work, command.job, command.flags)
        time.sleep(moment)
        end_one(job, victim)
        again = run(root, work, command.job, command.flags)
        assert again.finish() == 0, f"{victim} killed after {moment:.1f} s\n{again.text()[-3000:]}"
        assert {one: content(work / one) for one in command.outputs} == expected, f"{victim} after {moment:.1f} s"
        assert leftovers(work) == [], f"{victim} after {moment:.1f} s"
    outcome.append(f"{name}: {n_kills} kills; the second run ends with 0, equal tables and no file left.")
