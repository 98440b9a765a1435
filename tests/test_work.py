"""Sizes of tasks, and the line of progress."""

import os
import subprocess
import sys

import pytest

from elmo_udf.embedding.stats import WorkerStats, progress_line
from elmo_udf.embedding.work import count_tasks, operations_a_token
from elmo_udf.models.form import NetworkOptions
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
    line = progress_line(WorkerStats(n_documents=500, n_tokens=10_000), n_documents=2000, seconds=30)
    assert line == "embedded 500 of 2,000 documents (25%), 10,000 tokens, 333 tokens/s, ETA 1:30"
    assert "ETA" not in progress_line(WorkerStats(), 10, 1)


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
