"""Sizes of tasks, and the line of progress."""

import os
import subprocess
import sys

import pytest

from elmo_udf.embedding.stats import WorkerStats, progress_line
from elmo_udf.embedding.work import count_tasks, operations_a_token
from elmo_udf.models.form import NetworkOptions
from elmo_udf.spark.progress import Pace
from elmo_udf.spark.session import local_cores

ORIGINAL = NetworkOptions(
    character_dim=16, filters=((1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512), (7, 1024)), n_highway=2,
    activation="relu", n_layers=2, cell_dim=4096, projection_dim=512, cell_clip=3.0, projection_clip=3.0, residual=True,
)  # fmt: skip


def test_operations_of_the_published_network() -> None:
    assert 180e6 < operations_a_token(ORIGINAL) < 205e6  # 151 million in the LSTMs, 54 at most in the rest


def test_tasks_are_about_five_minutes_of_a_large_corpus() -> None:
    n_tokens = 100_000_000
    n_tasks = count_tasks(5 * n_tokens, ORIGINAL, cpus=4, slots=8)
    seconds = n_tokens * operations_a_token(ORIGINAL) / 50e9 / 4 / n_tasks
    assert 290 < seconds <= 300


def test_a_small_corpus_still_has_some_tasks_and_a_tiny_one_has_one() -> None:
    assert count_tasks(2_000_000, ORIGINAL, cpus=2, slots=1) == 4
    assert count_tasks(2_000_000, ORIGINAL, cpus=1, slots=2) == 8
    assert count_tasks(100, ORIGINAL, cpus=2, slots=1) == 1
    assert count_tasks(0, ORIGINAL, cpus=2, slots=1) == 1


def test_progress_line() -> None:
    now = [0.0]
    pace = Pace(WorkerStats(), lambda: now[0])
    assert "ETA" not in progress_line(pace, 10)
    now[0] = 30
    assert pace.note(WorkerStats(n_documents=500, n_tokens=10_000))
    line = progress_line(pace, n_documents=2000)
    assert line == "embedded 500 of 2,000 documents (25%), 10,000 tokens, 333 tokens/s, ETA 1:30"
    now[0] = 40
    assert not pace.note(pace.done)
    assert progress_line(pace, 2000).endswith("333 tokens/s, ETA 1:20"), "the time goes on between two tasks"


@pytest.mark.parametrize("slots", [1, 2, 8])
@pytest.mark.parametrize("task_s", [20, 120, 290])
def test_the_remaining_time_is_right_over_portions(slots: int, task_s: int) -> None:
    """Portions of four tasks a slot, with commits in between, are watched as the job watches them, every 5 s."""
    ends, at = [], 5.0  # the model is loaded first
    for _ in range(8):
        ends += [at + task_s * (1 + 0.02 * slot / slots) * (i + 1) for slot in range(slots) for i in range(4)]
        at = max(ends) + 12
    now = [0.0]
    pace = Pace(0, lambda: now[0])
    for tick in range(0, int(max(ends)), 5):
        now[0] = float(tick)
        pace.note(sum(end <= tick for end in ends))
        if pace.done >= 0.1 * len(ends):
            seconds, truth = seconds_of(pace.left(float, len(ends))), max(ends) - tick
            assert abs(seconds - truth) <= 0.2 * truth + 15, (tick, pace.done, seconds, truth)


def test_a_rate_is_that_of_the_last_minutes() -> None:
    """Not that of all the time: the second half of the work is four times as slow."""
    now = [0.0]
    pace = Pace(0, lambda: now[0])
    for step in range(1, 201):
        now[0] += 10 if step <= 100 else 40
        pace.note(step)
    assert pace.rate(float) == pytest.approx(1 / 40)
    assert seconds_of(pace.left(float, 300)) == 4000


def seconds_of(left: str) -> int:
    parts = left.removeprefix(", ETA ").split(":")
    return sum(int(part) * 60**i for i, part in enumerate(reversed(parts)))


def test_cores_of_masters() -> None:
    assert [local_cores(m) for m in ("local", "local[3]", "local[3, 2]", "local-cluster[2,2,1024]", "yarn")] == [
        1, 3, 3, None, None,
    ]  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="limits a process to one core, as a container does")
def test_cores_are_those_that_a_container_leaves() -> None:
    code = "import os; os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])\n"
    code += "from elmo_udf.spark.session import local_cores; print(local_cores('local[*]'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "1\n", done.stderr
