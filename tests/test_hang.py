"""A run of pytest in which a test hangs, one kills the JVM and one stops the session: all others pass."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

STARTS_WITHIN_S = 60
"""What a session takes to start, on a busy machine."""

TESTS = """
import os, signal, subprocess
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import pandas_udf
from pyspark.sql.types import LongType


@pytest.fixture(scope="module")
def frame(spark: SparkSession) -> DataFrame:
    doubled = pandas_udf(lambda numbers: 2 * numbers, LongType())
    return spark.range(5).withColumn("doubled", doubled("id"))


def is_right(frame: DataFrame) -> bool:
    return sum(row.doubled for row in frame.collect()) == 20


def test_before(frame: DataFrame) -> None:
    assert is_right(frame)


def test_hangs(spark: SparkSession) -> None:
    processes = [spark._sc._gateway.proc.pid, os.getpid(), subprocess.Popen(["sleep", "9999"]).pid]
    Path("processes").write_text(" ".join(map(str, processes)))
    spark._jvm.java.lang.Thread.sleep(9_999_000)


def test_after(frame: DataFrame) -> None:
    assert is_right(frame)


def test_kills_the_jvm(spark: SparkSession) -> None:
    os.kill(spark._sc._gateway.proc.pid, signal.SIGKILL)


def test_after_that(frame: DataFrame) -> None:
    assert is_right(frame)


def test_stops_the_session(spark: SparkSession) -> None:
    spark.stop()


def test_last(frame: DataFrame, spark: SparkSession) -> None:
    assert is_right(frame)
    assert frame.sparkSession is spark
"""


def run(root: Path, folder: Path, tests: str, timeout_s: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A file of tests run as this one is, but for the time that each may take."""
    (folder / "test_another.py").write_text("def test_another():\n    pass\n")
    (folder / "test_some.py").write_text(tests)
    own = ["--rootdir", str(folder), "-c", str(root / "pyproject.toml"), "-p", "tests.conftest"]
    command = [sys.executable, "-m", "pytest", *own, "-o", f"faulthandler_timeout={timeout_s}", "-v", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = str(root)
    return subprocess.run([*command, "."], cwd=folder, env=environment, capture_output=True, text=True)


def is_running(process: int) -> bool:
    stat = Path("/proc", str(process), "stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_only_the_test_that_hangs_fails(root: Path, tmp_path: Path) -> None:
    done = run(root, tmp_path, TESTS, STARTS_WITHIN_S, "--numprocesses=1", "--dist=loadfile")
    assert "1 failed, 7 passed" in done.stdout.splitlines()[-1], done.stdout
    assert "crashed while running 'test_some.py::test_hangs'" in done.stdout
    assert " in test_hangs" in done.stderr, "the stacks are printed"
    processes = [int(process) for process in (tmp_path / "processes").read_text().split()]
    end = time.monotonic() + 30
    while any(map(is_running, processes)) and time.monotonic() < end:
        time.sleep(0.1)
    assert len(processes) == 3 and not any(map(is_running, processes))


@pytest.mark.slow
def test_without_workers_the_run_ends_there(root: Path, tmp_path: Path) -> None:
    hangs = "import time\n\n\ndef test_hangs():\n    time.sleep(9999)\n"
    done = run(root, tmp_path, "def test_before():\n    pass\n\n" + hangs + "\n\ndef test_after():\n    pass\n", 5)
    assert done.returncode == 1
    assert "test_before PASSED" in done.stdout and "test_after" not in done.stdout
    assert " in test_hangs" in done.stderr
