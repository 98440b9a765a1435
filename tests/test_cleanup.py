"""Cleaning up never hides the error that made it necessary."""

from __future__ import annotations

import ast
import logging
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from elmo_udf.cleanup import afterwards, if_it_fails
from elmo_udf.spark import changes
from elmo_udf.spark.outputs import lock
from tests.test_imports import MODULES
from tests.test_outputs import run

CANNOT_FAIL = {
    "shutil.rmtree(unfinished, ignore_errors=True)",
    "sys.modules.pop(optimizers, None)",
    "os.environ.pop(OPTIONS, None)",
    "socket.setdefaulttimeout(before)",
    "finished.set()",
    "thread.join()",
    "self.stage_s[stage] = self.stage_s.get(stage, 0.0) + time.perf_counter() - started",
}
"""All that is called in a ``finally`` of the package; what can fail is done by :mod:`elmo_udf.cleanup`."""


def fail() -> None:
    raise OSError("no space left\nat Java's line 7")


def test_the_error_is_raised_and_what_cleaning_up_meets_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    for clean_up in (afterwards, if_it_fails):
        caplog.clear()
        with pytest.raises(ValueError, match="the error"), clean_up(fail):
            raise ValueError("the error")
        assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
            "cleaning up after an error failed too: no space left"
        ]


def test_a_block_that_ends_well_is_cleaned_up_aloud() -> None:
    with pytest.raises(OSError, match="no space left"), afterwards(fail):
        pass
    with if_it_fails(fail):
        pass


def test_a_block_is_cleaned_up_once_however_it_ends() -> None:
    done: list[int] = []
    with afterwards(lambda: done.append(1)):
        assert not done
    with pytest.raises(KeyboardInterrupt), afterwards(lambda: done.append(2)):
        raise KeyboardInterrupt
    assert done == [1, 2]


def test_a_lock_that_cannot_be_released_hides_no_error(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="the error"), run(spark, tmp_path / "t"):
        monkeypatch.setattr(lock.changes, "delete", lambda *_: fail())
        raise ValueError("the error")


def test_a_file_that_cannot_be_closed_hides_no_error(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        def write(self, _: bytearray) -> None:
            raise ValueError("the error")

        def close(self) -> None:
            fail()

    class FileSystem:
        def create(self, *_: object) -> Stream:
            return Stream()

    monkeypatch.setattr(changes, "hadoop_path", lambda *_: (FileSystem(), None))
    with pytest.raises(ValueError, match="the error"):
        changes.write_text(spark, "hdfs://host/x", "text")


def test_what_can_fail_is_cleaned_up_by_these_functions() -> None:
    """In the whole package nothing that can raise stands in a ``finally``, and no temporary folder raises either."""
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Try):
                calls = [part for part in node.finalbody if any(isinstance(n, ast.Call) for n in ast.walk(part))]
                done = {ast.unparse(statement) for statement in calls}
                assert done <= CANNOT_FAIL, f"{module}: {done - CANNOT_FAIL}"
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("TemporaryDirectory"):
                said = {word.arg for word in node.keywords}
                assert "ignore_cleanup_errors" in said, f"{module}: {ast.unparse(node)}"
