"""Processes are killed, held up or refused what they ask for, at moments that are watched for, not slept for."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cluster.standalone import BARE, daemon, wait_for
from tests.faults.conftest import Corpus, embed_arguments
from tests.faults.processes import Job, kill, start

N_TASKS = 11
"""Embedding tasks: a number that no other stage has."""
PARTITIONS = ("--partitions", str(N_TASKS))


def data_files(table: Path) -> list[str]:
    return sorted(path.name for path in table.glob("*.parquet")) if table.is_dir() else []


def intents(folder: Path) -> list[Path]:
    """Commits that have begun and not ended."""
    return list(folder.glob("_elmo-*/*/intent.json"))


def nothing_is_left(folder: Path, *known: str) -> None:
    """No folder of a run beside its output."""
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith("_")) == sorted(known)


def right_again(root: Path, folder: Path, corpus: Corpus, *more: str) -> str:
    """The same command once more, and what it leaves."""
    job = start(root, folder, "embed", *embed_arguments(corpus, folder / "out", *more))
    assert job.finish() == 0, job.text()[-3000:]
    nothing_is_left(folder)
    return corpus.check(folder / "out")


def test_executor_killed_while_it_embeds(root: Path, tmp_path: Path, corpus: Corpus, outcome: list[str]) -> None:
    """An executor is killed while it embeds."""
    job = start(root, tmp_path, "embed", *embed_arguments(corpus, tmp_path / "out", *PARTITIONS))
    job.middle_of(N_TASKS)
    before = job.executors()
    kill(before[0])
    job.wait_for("a new executor", lambda: set(job.executors()) - set(before))
    assert job.finish() == 0, job.text()[-3000:]
    outcome.append("Spark starts another executor. " + corpus.check(tmp_path / "out"))
    nothing_is_left(tmp_path)


def test_executor_killed_while_it_compares(root: Path, tmp_path: Path, vectors: Path, outcome: list[str]) -> None:
    """An executor is killed while it compares vectors."""

    def arguments(output: str) -> tuple[str, ...]:
        return (
            "topk",
            "--embeddings",
            str(vectors),
            "--output",
            str(tmp_path / output),
            "--k",
            "3",
            "--block-rows",
            "1000",
        )

    undisturbed = start(root, tmp_path, "similarity", *arguments("undisturbed"))
    sizes: set[int] = set()
    undisturbed.wait_for("its stages", lambda: note_sizes(undisturbed, sizes) or undisturbed.process.poll() is not None)
    assert undisturbed.finish() == 0, undisturbed.text()[-3000:]
    job = start(root, tmp_path, "similarity", *arguments("disturbed"))
    n_tasks = max(sizes)
    job.middle_of(n_tasks)
    before = job.executors()
    kill(before[0])
    job.wait_for("a new executor", lambda: set(job.executors()) - set(before))
    assert job.finish() == 0, job.text()[-3000:]
    tables = [
        pq.read_table(tmp_path / name).sort_by([("id", "ascending"), ("rank", "ascending")])
        for name in ("undisturbed", "disturbed")
    ]
    assert tables[0].num_rows > 0 and tables[0].equals(tables[1])
    nothing_is_left(tmp_path)
    outcome.append(f"Spark starts another executor. {tables[0].num_rows} rows equal those of the undisturbed run.")


def note_sizes(job: Job, sizes: set[int]) -> bool:
    sizes.update(stage["numTasks"] for stage in job.stages() if stage["status"] == "ACTIVE")
    return False


def test_driver_killed_between_commits(root: Path, tmp_path: Path, corpus: Corpus, outcome: list[str]) -> None:
    """The driver is killed between two commits, and the command is run again."""
    more = ("--mode", "incremental", "--commit-every", "150")
    job = start(root, tmp_path, "embed", *embed_arguments(corpus, tmp_path / "out", *more))
    job.wait_for("a first commit", lambda: data_files(tmp_path / "out"))
    job.wait_for("staged files of the second", lambda: list(tmp_path.glob("_elmo-*/*/rows/_temporary")))
    kill(job.process.pid)
    job.clear()
    n_there = pq.read_table(tmp_path / "out").num_rows
    assert 0 < n_there < len(corpus.vectors), "killed too late"
    outcome.append(f"{n_there} rows are in the table; the second run adds the rest.")
    outcome.append(right_again(root, tmp_path, corpus, *more))


def test_driver_killed_during_a_commit(root: Path, tmp_path: Path, corpus: Corpus, outcome: list[str]) -> None:
    """The driver is killed in the middle of a commit, and the command is run again."""
    more = ("--mode", "incremental", "--commit-every", "60", "--partitions", "24")
    job = start(root, tmp_path, "embed", *embed_arguments(corpus, tmp_path / "out", *more))
    job.wait_for("a first commit", lambda: data_files(tmp_path / "out"))
    is_met = False
    while not is_met:
        job.wait_for("a commit", lambda: intents(tmp_path), poll_s=0)
        kill(job.process.pid, signal.SIGSTOP)
        is_met = bool(intents(tmp_path))
        kill(job.process.pid, signal.SIGKILL if is_met else signal.SIGCONT)
    job.process.wait()
    job.clear()
    n_there = pq.read_table(tmp_path / "out").num_rows
    outcome.append(f"A reader finds {n_there} rows of whole commits; the second run ends the commit and adds the rest.")
    outcome.append(right_again(root, tmp_path, corpus, *more))


def test_python_worker_killed(root: Path, tmp_path: Path, corpus: Corpus, outcome: list[str]) -> None:
    """A Python worker is killed while it embeds, as the kernel does if memory runs out."""
    job = start(root, tmp_path, "embed", *embed_arguments(corpus, tmp_path / "out", *PARTITIONS))
    stage = job.middle_of(N_TASKS)
    worker = job.wait_for("a Python worker", job.workers)[0]
    kill(worker, signal.SIGSTOP)  # killed between two tasks it would be missed by none: its task becomes the last one

    def all_but_one_are_done() -> bool:
        return any(now["numCompleteTasks"] == N_TASKS - 1 for now in job.stages() if now["stageId"] == stage["stageId"])

    job.wait_for("the last task", all_but_one_are_done, poll_s=0.2)
    kill(worker)
    job.wait_for("a failed task", lambda: any(task["status"] == "FAILED" for task in job.tasks(stage)), poll_s=0.2)
    assert job.finish() == 0, job.text()[-3000:]
    outcome.append("Spark runs the worker's task again. " + corpus.check(tmp_path / "out"))
    nothing_is_left(tmp_path)


def test_python_worker_refused_memory(root: Path, tmp_path: Path, corpus: Corpus, outcome: list[str]) -> None:
    """Python workers get less memory than they need (spark.executor.pyspark.memory), and then enough."""
    limit = ("spark.executor.pyspark.memory=300m", "spark.executor.memory=768m", "spark.task.maxFailures=2")
    arguments = embed_arguments(corpus, tmp_path / "out", *PARTITIONS)
    job = start(root, tmp_path, "embed", *arguments, settings=limit)
    assert job.finish() == 1, job.text()[-3000:]
    assert not (tmp_path / "out").exists() and not (tmp_path / "out-rejects").exists()
    nothing_is_left(tmp_path)
    outcome.append("Exit code 1 after 2 attempts, and no file is left. With enough memory the second run succeeds.")
    outcome.append(right_again(root, tmp_path, corpus, *PARTITIONS))


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of 640 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=640k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    return folder


def test_disk_full(root: Path, corpus: Corpus, small_disk: Path, outcome: list[str]) -> None:
    """The disk is full while the table is written, and then has room again."""
    more = ("--mode", "incremental", "--commit-every", "150")
    try:
        job = start(root, corpus.folder, "embed", *embed_arguments(corpus, small_disk / "out", *more))
        assert job.finish() == 1, job.text()[-3000:]
        assert "No space left on device" in job.text()
        n_there = pq.read_table(small_disk / "out").num_rows if data_files(small_disk / "out") else 0
        assert n_there < len(corpus.vectors)
        outcome.append(f"Exit code 1. {n_there} rows are in the table; the second run adds the rest.")
        subprocess.run(["mount", "-o", "remount,size=100m", str(small_disk)], check=True)
        outcome.append(right_again(root, small_disk, corpus, *more))
    finally:
        subprocess.run(["umount", "-l", str(small_disk)], check=True)


@pytest.fixture
def two_hosts(tmp_path: Path) -> Iterator[str]:
    """A standalone cluster whose workers have addresses of their own: a second attempt runs on another host only."""
    with ExitStack() as daemons:
        log = daemons.enter_context(spark_daemon(tmp_path, "master.Master", "127.0.0.1"))
        master = wait_for(log, r"Starting Spark master at (spark://\S+)")
        for host in ("127.0.0.2", "127.0.0.3"):
            log = daemons.enter_context(spark_daemon(tmp_path, "worker.Worker", host, "--cores", "1", master))
            wait_for(log, "Successfully registered with master")
        yield master


def spark_daemon(folder: Path, name: str, host: str, *more: str) -> AbstractContextManager[Path]:
    arguments = ["--host", host, "--port", "0", "--webui-port", "0", *more]
    environment = {**BARE, "SPARK_LOCAL_IP": host, "SPARK_WORKER_DIR": str(folder / f"work-{host}")}
    return daemon(folder / f"daemon-{host}", f"org.apache.spark.deploy.{name}", arguments, environment)


def test_speculation(root: Path, tmp_path: Path, corpus: Corpus, two_hosts: str, outcome: list[str]) -> None:
    """The Python worker of an executor stops responding, and Spark runs its task elsewhere too (spark.speculation)."""
    settings = (
        f"spark.master={two_hosts}", "spark.driver.host=127.0.0.1", "spark.executor.cores=1", "spark.speculation=true",
        "spark.speculation.interval=100ms", "spark.speculation.multiplier=1.2", "spark.speculation.quantile=0.3",
        "spark.speculation.minTaskRuntime=100ms",
    )  # fmt: skip
    job = start(root, tmp_path, "embed", *embed_arguments(corpus, tmp_path / "out", *PARTITIONS), settings=settings)
    stage = job.middle_of(N_TASKS)
    worker = job.wait_for("a Python worker", job.workers)[0]
    kill(worker, signal.SIGSTOP)

    def is_done_elsewhere() -> bool:
        return any(task["speculative"] and task["status"] == "SUCCESS" for task in job.tasks(stage))

    job.wait_for("a second attempt that is done", is_done_elsewhere, poll_s=0.1)
    kill(worker, signal.SIGCONT)
    assert job.finish() == 0, job.text()[-3000:]
    outcome.append("The attempt that finishes first counts. " + corpus.check(tmp_path / "out"))
    nothing_is_left(tmp_path)


def test_two_runs_on_one_output(root: Path, tmp_path: Path, corpus: Corpus, outcome: list[str]) -> None:
    """A second run starts on the same output while the first one works."""
    more = ("--mode", "incremental", *PARTITIONS)
    first = start(root, tmp_path, "embed", *embed_arguments(corpus, tmp_path / "out", *more))
    first.wait_for("its staging folder", lambda: list(tmp_path.glob("_elmo-*/*")))
    second = start(root, tmp_path, "embed", *embed_arguments(corpus, tmp_path / "out", *more))
    codes = first.finish(), second.finish()
    assert codes[0] == 0, first.text()[-3000:]
    if codes[1] == 0:
        outcome.append("The second run finds nothing to do. " + corpus.check(tmp_path / "out"))
    else:
        lines = [line for line in second.text().splitlines() if line.startswith("error: ")]
        assert codes[1] == 2 and len(lines) == 1 and "is being written by another run" in lines[0], second.text()[
            -3000:
        ]
        outcome.append("The second run is refused in one line, with exit code 2. " + corpus.check(tmp_path / "out"))
    nothing_is_left(tmp_path)
