"""Outputs: what is refused before any work, and how a table comes into its place."""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from threading import Barrier, Event, Thread

import pytest
from pyspark.sql import SparkSession

from elmo_udf.errors import UserError
from elmo_udf.spark import files
from elmo_udf.spark.outputs import commit, lock
from elmo_udf.spark.outputs.checks import check_outputs


def table(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(name)
    return folder


@pytest.mark.parametrize("mode", ["error", "overwrite", "append"])
@pytest.mark.parametrize(
    ("output", "rejects", "source", "words"),
    [
        ("t/corpus", "t/r", "t/corpus", "output 't/corpus' contains the input"),
        ("t", "r", "t/corpus/a.csv", "output 't' contains the input"),
        ("t/corpus", "t/r", "t/corpus/*.csv", "output 't/corpus' contains the input"),
        ("t/o", "t/o/rejects", "t/corpus", "output 't/o' contains rejects 't/o/rejects'"),
        ("t/o/rows", "t/o", "t/corpus", "rejects 't/o' contains output 't/o/rows'"),
        ("t/o[1]", "t/r", "t/corpus", "has '[' in its path"),
        ("t/o", "hdfs://127.0.0.1:1/r", "t/corpus", "different file systems"),
    ],
)
def test_paths_that_would_destroy_something(
    spark: SparkSession, mode: str, output: str, rejects: str, source: str, words: str
) -> None:
    with pytest.raises(UserError) as error:
        check_outputs(spark, {"output": output, "rejects": rejects}, {"input": source}, mode)
    assert words in str(error.value)


def test_paths_that_are_well(spark: SparkSession, tmp_path: Path) -> None:
    source = str(table(tmp_path / "corpus", "a.csv"))
    outputs = {"output": f"{source}/vectors", "rejects": f"{source}/vectors-rejects"}
    check_outputs(spark, outputs, {"input": f"{source}/*.csv"}, "error")
    old = table(tmp_path / "old", "part-0.parquet", "_elmo.json", "_SUCCESS", ".part-0.parquet.crc")
    (old / "day=1").mkdir()
    check_outputs(spark, {"output": str(old)}, {}, "overwrite")


@pytest.mark.parametrize("names", [("letter.txt",), ("letter.txt", "x.parquet"), ("folder.parquet/",)])
def test_what_is_no_table_is_never_replaced(spark: SparkSession, tmp_path: Path, names: tuple[str, ...]) -> None:
    folder = table(tmp_path / "mine", *(name for name in names if not name.endswith("/")))
    for name in names:
        (folder / name).mkdir() if name.endswith("/") else None
    for mode in ("overwrite", "append"):
        with pytest.raises(UserError, match="which is not part of a table; expected a table, or nothing"):
            check_outputs(spark, {"output": str(folder)}, {}, mode)


def test_an_existing_table_needs_a_mode(spark: SparkSession, tmp_path: Path) -> None:
    folder = str(table(tmp_path / "t", "part-0.parquet"))
    with pytest.raises(UserError, match="exists already; give another path, or --mode overwrite"):
        check_outputs(spark, {"output": folder}, {}, "error")


def test_staging_is_hidden_and_goes_away(spark: SparkSession, tmp_path: Path) -> None:
    output = str(tmp_path / "day=2026-01-01")
    with commit.staging(spark, output) as staging:
        (name, _) = Path(staging.folder).relative_to(tmp_path).parts
        assert name.startswith("_") and "=" not in name
    assert list(tmp_path.iterdir()) == []


def test_a_table_is_replaced_whole_and_has_its_marks(spark: SparkSession, tmp_path: Path) -> None:
    old = table(tmp_path / "t", "old.parquet")
    with commit.staging(spark, str(old)) as staging:
        staging.put_table(str(table(Path(staging.folder) / "s", "new.parquet")), str(old), {"table": "x"}, "overwrite")
    assert {p.name for p in old.iterdir() if not p.name.startswith(".")} == {"new.parquet", "_elmo.json", "_SUCCESS"}
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def test_append_never_replaces_even_without_the_sidecar(spark: SparkSession, tmp_path: Path) -> None:
    old = table(tmp_path / "t", "old.parquet")
    with commit.staging(spark, str(old)) as staging:
        staging.put_table(str(table(Path(staging.folder) / "s", "new.parquet")), str(old), {}, "append")
    assert {p.name for p in old.iterdir() if not p.name.startswith(".")} == {"old.parquet", "new.parquet"}


def test_the_old_table_comes_back_if_the_move_fails(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, real = str(table(tmp_path / "t", "old.parquet")), files.rename

    def refuse(session: SparkSession, source: str, target: str) -> None:
        if target == output and source.endswith("/table"):
            raise OSError("quota")
        real(session, source, target)

    monkeypatch.setattr(files, "rename", refuse)
    with pytest.raises(OSError, match="quota"), commit.staging(spark, output) as staging:
        table(Path(staging.folder) / "table", "new.parquet")
        staging.put_table(f"{staging.folder}/table", output, {}, "overwrite")
    assert (tmp_path / "t" / "old.parquet").read_text() == "old.parquet"
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def test_an_output_that_came_up_meanwhile_is_left_alone(spark: SparkSession, tmp_path: Path) -> None:
    theirs, words = (
        table(tmp_path / "t", "theirs.parquet"),
        "was made by another run meanwhile; the table of this run is",
    )
    with pytest.raises(UserError, match=words) as error, commit.staging(spark, str(theirs)) as staging:
        staging.put_table(str(table(Path(staging.folder) / "s", "ours.parquet")), str(theirs), {}, "error")
    assert (theirs / "theirs.parquet").exists()
    assert (Path(str(error.value).split("'")[-2]) / "ours.parquet").exists()


def test_a_table_is_put_back_where_a_run_was_killed_between_the_two_moves(spark: SparkSession, tmp_path: Path) -> None:
    aside = table(tmp_path / "_elmo-old-t", "old.parquet")
    with commit.staging(spark, str(tmp_path / "t")):
        assert (tmp_path / "t" / "old.parquet").exists() and not aside.exists()
    table(tmp_path / "_elmo-old-t", "older.parquet")
    with commit.staging(spark, str(tmp_path / "t")):
        assert (tmp_path / "t" / "old.parquet").exists() and not aside.exists()


def test_two_runs_at_once_on_one_output(spark: SparkSession, tmp_path: Path) -> None:
    output = str(tmp_path / "t")
    with commit.staging(spark, output), commit.staging(spark, str(tmp_path / "other")):
        with pytest.raises(UserError, match="is being written by another run \\(process") as error:
            commit.staging(spark, output).__enter__()
        assert f"delete '{tmp_path}/_elmo-t'" in str(error.value)
    with commit.staging(spark, output):
        pass
    assert list(tmp_path.iterdir()) == []


def test_one_of_many_that_start_at_once_has_the_output(spark: SparkSession, tmp_path: Path) -> None:
    """Also where all of them find a run that was killed."""
    for there in (None, gone()):
        leave(tmp_path, there)
        barrier, done, held = Barrier(6), Event(), list[int]()

        def start(barrier: Barrier = barrier, done: Event = done, held: list[int] = held) -> None:
            barrier.wait()
            with suppress(UserError), commit.staging(spark, str(tmp_path / "t")):
                held.append(1)
                done.wait(60)

        threads = [Thread(target=start, daemon=True) for _ in range(6)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 60
        while (sum(thread.is_alive() for thread in threads) > 1 or not held) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(held) == 1
        done.set()
        for thread in threads:
            thread.join()
        assert list(tmp_path.iterdir()) == []


def leave(folder: Path, owner: str | None, age_s: float = 0) -> None:
    """What a run leaves that was killed while it wrote the output ``t``."""
    if owner is None:
        return
    (folder / "_elmo-t" / "run-1" / "rows").mkdir(parents=True)
    (folder / "_elmo-t" / "owner-0").write_text(owner)
    os.utime(folder / "_elmo-t" / "owner-0", (time.time() - age_s,) * 2)


def gone(**other: str | int) -> str:
    """An owner like this process, which has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return json.dumps(lock._this_process() | {"pid": process.pid} | other)


@pytest.mark.parametrize(
    ("owner", "age_s", "is_free"),
    [
        ({"pid": None}, 0, True),
        ({"process_started": "1"}, 0, True),  # the number of the process is another's by now
        ({"machine": "another", "host": "another"}, 5, False),
        ({"machine": "another", "host": "another"}, lock.GONE_AFTER_S + 5, True),
        (None, 5, False),  # it is just being written
        (None, lock.GONE_AFTER_S + 5, True),
    ],
)
def test_who_is_gone(
    spark: SparkSession, tmp_path: Path, owner: dict[str, str | None] | None, age_s: float, is_free: bool
) -> None:
    said = {k: v for k, v in (owner or {}).items() if v is not None}
    leave(tmp_path, "" if owner is None else gone(**said), age_s)
    if not is_free:
        with pytest.raises(UserError, match="is being written by another run"):
            commit.staging(spark, str(tmp_path / "t")).__enter__()
        assert (tmp_path / "_elmo-t" / "run-1").exists()
        return
    with commit.staging(spark, str(tmp_path / "t")) as staging:
        assert not (tmp_path / "_elmo-t" / "run-1").exists() and Path(staging.folder).exists()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_taken_for_gone_puts_nothing_more_in_place(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = str(tmp_path / "t")
    with pytest.raises(RuntimeError, match="another run has taken over"), commit.staging(spark, output) as staging:
        monkeypatch.setattr(lock, "_is_gone", lambda *_: True)
        other = commit.staging(spark, output)
        theirs = Path(other.__enter__().folder)
        staging.put_table(str(table(Path(staging.folder) / "s", "new.parquet")), output, {}, "overwrite")
    assert theirs.exists() and not Path(output).exists(), "the one that went on has cleared up the other's"
    other.__exit__(None, None, None)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_one_line(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "file.csv").touch()
    with pytest.raises(UserError, match=r"file\.csv"), commit.staging(spark, str(tmp_path / "file.csv" / "x")):
        pass
