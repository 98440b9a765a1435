"""Outputs: what is refused before any work, who has them, and how they come into their place."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from pyspark.sql import SparkSession

from elmo_udf.errors import ResourceError, UserError
from elmo_udf.spark import changes, local_files
from elmo_udf.spark.outputs import owners
from elmo_udf.spark.outputs.addresses import Address, address_of
from elmo_udf.spark.outputs.content import check_content
from elmo_udf.spark.outputs.transaction import Transaction, locked
from elmo_udf.spark.outputs.written import Output, Places, Written, resolve

KIND = ("embeddings",)


def table(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(name)
    return folder


def written(mode: str = "overwrite", source: str | None = None, files: Any = (), **paths: str) -> Written:
    outputs = tuple(Output(name, path, ("rejects",) if name == "rejects" else KIND) for name, path in paths.items())
    return Written(outputs, {"input": source}, mode, dict(files), asked={"mode": mode})


def check(spark: SparkSession, what: Written) -> Places:
    places = resolve(spark, what)
    check_content(spark, what, places)
    return places


@contextmanager
def run(spark: SparkSession, output: Path | str, mode: str = "overwrite") -> Iterator[Transaction]:
    with run_of(spark, written(mode, output=str(output))) as work:
        yield work


@contextmanager
def run_of(spark: SparkSession, what: Written) -> Iterator[Transaction]:
    """The block is the work of a run, which commits where it says so."""
    places = resolve(spark, what)
    with locked(spark, places) as (lock, _):
        check_content(spark, what, places)
        yield Transaction(spark, what, places, lock)


def put(work: Transaction, *names: str, name: str = "output") -> None:
    """A table of these files becomes the output."""
    staged = table(Path(work.folder(name).removeprefix("file:")) / "table", *names)
    work.put_table(name, f"file:{staged}", {"table": "rejects" if name == "rejects" else "embeddings"})


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


DATA = {"_elmo.json", "_SUCCESS"}


@pytest.mark.parametrize("mode", ["error", "overwrite", "append"])
@pytest.mark.parametrize(
    ("output", "rejects", "source", "words"),
    [
        ("t/corpus", "t/r", "t/corpus", "output 't/corpus' contains the input"),
        ("t", "r", "t/corpus/a.csv", "output 't' contains the input"),
        ("t/corpus", "t/r", "t/corpus/*.csv", "output 't/corpus' contains the input"),
        ("t/corpus/o", "t/r", "t/corpus", "output 't/corpus/o' is inside of the input"),
        ("t/o", "t/o/rejects", "t/corpus", "output 't/o' contains rejects 't/o/rejects'"),
        ("t/o/rows", "t/o", "t/corpus", "rejects 't/o' contains output 't/o/rows'"),
        ("t/o[1]", "t/r", "t/corpus", "has '[' in its path"),
        ("t/_elmo-x", "t/r", "t/corpus", "output 't/_elmo-x' has a part that begins with _elmo-"),
        ("t/o", "t/_ELMO~x/y", "t/corpus", "has a part that begins with _elmo-"),
        ("t/o", "hdfs://127.0.0.1:1/r", "t/corpus", "different file systems"),
    ],
)
def test_paths_that_would_destroy_something(
    spark: SparkSession, mode: str, output: str, rejects: str, source: str, words: str
) -> None:
    with pytest.raises(UserError) as error:
        check(spark, written(mode, source, output=output, rejects=rejects))
    assert words in str(error.value)


def test_paths_that_are_well(spark: SparkSession, tmp_path: Path) -> None:
    source = str(table(tmp_path / "corpus", "a.csv"))
    outputs = {"output": f"{source}/vectors", "rejects": f"{source}/vectors-rejects"}
    check(spark, written("error", f"{source}/*.csv", **outputs))
    old = table(tmp_path / "old", "part-0.parquet", "_SUCCESS", ".part-0.parquet.crc")
    (old / "_elmo.json").write_text('{"table": "embeddings"}')
    (old / "day=1").mkdir()
    check(spark, written(output=str(old)))


@pytest.mark.parametrize("found", [("letter.txt",), ("letter.txt", "x.parquet"), ("folder.parquet/",)])
def test_what_is_no_table_is_never_replaced(spark: SparkSession, tmp_path: Path, found: tuple[str, ...]) -> None:
    folder = table(tmp_path / "mine", *(name for name in found if not name.endswith("/")))
    for name in found:
        (folder / name).mkdir() if name.endswith("/") else None
    for mode in ("overwrite", "append"):
        with pytest.raises(UserError, match="which is not part of a table; expected a table, or nothing"):
            check(spark, written(mode, output=str(folder)))


def test_an_existing_table_needs_a_mode(spark: SparkSession, tmp_path: Path) -> None:
    folder = str(table(tmp_path / "t", "part-0.parquet"))
    with pytest.raises(UserError, match="exists already; give another path, or --mode overwrite"):
        check(spark, written("error", output=folder))


def test_a_table_of_another_kind_is_never_replaced(spark: SparkSession, tmp_path: Path) -> None:
    folder = table(tmp_path / "t", "part-0.parquet")
    (folder / "_elmo.json").write_text('{"table": "embeddings"}')
    with pytest.raises(UserError, match="is a table of kind 'embeddings', expected rejects, or nothing"):
        check(spark, written(output=str(tmp_path / "o"), rejects=str(folder)))


def test_small_files_replace_their_like_alone(spark: SparkSession, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"\x89PNG\r\n\x1a\n a photo")
    notes = tmp_path / "notes.csv"
    notes.write_text("id,note\n1,mine\n")
    for name, path in (("plot", photo), ("csv", notes)):
        with pytest.raises(UserError, match=f"{name} .* exists and is no (picture|matrix) that a job has written"):
            check(spark, written(files={name: str(path)}, output=str(tmp_path / "o")))
    photo.write_bytes(b"\x89PNG\r\n\x1a\n tEXtSoftware\0Matplotlib version")
    notes.write_text("id,a,b\na,1.000000,0.250000\n")
    check(spark, written(files={"plot": str(photo), "csv": str(notes)}, output=str(tmp_path / "o")))


# Addresses


def test_one_address_for_every_way_of_writing_a_path(spark: SparkSession, tmp_path: Path) -> None:
    real = table(tmp_path / "real")
    (tmp_path / "link").symlink_to(real)
    (tmp_path / "x").mkdir()
    ways = ("real", "real/", "real/.", "x/../real", "link", "./link//")
    found = {address_of(spark, f"{tmp_path}/{way}/t") for way in ways} | {address_of(spark, f"file://{real}/t")}
    assert found == {Address(f"file:{real}/t")}


def test_every_address_has_a_folder_of_its_own() -> None:
    odd = ["t", "old-t", "a~b", "a%7Eb", "a~7Eb", "a=b", "a~3Db", "ü", "day=2026-01-01", "a b", "n" * 250, "n" * 251]
    folders = {Address(f"file:/data/{name}").work_folder for name in odd}
    assert len(folders) == len(odd)
    for folder in folders:
        name = folder.rpartition("/")[2]
        assert name.startswith("_elmo") and "=" not in name and len(name) < 255


def test_the_case_of_names_on_a_disk_that_knows_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table(tmp_path / "Real")
    monkeypatch.setattr(Path, "samefile", lambda one, other: str(one).lower() == str(other).lower())
    assert local_files.real(tmp_path / "rEAL" / "New").name == "New"
    assert local_files.real(tmp_path / "rEAL" / "New").parent.name == "Real"


# How outputs come into their place


def test_staging_is_hidden_and_goes_away(spark: SparkSession, tmp_path: Path) -> None:
    with run(spark, tmp_path / "day=2026-01-01") as work:
        (name, _) = Path(work.folder("output").removeprefix("file:")).relative_to(tmp_path).parts
        assert name.startswith("_") and "=" not in name
    assert list(tmp_path.iterdir()) == []


def test_folders_above_an_output_that_comes_to_nothing_go_away(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the error"), run(spark, tmp_path / "a" / "b" / "t"):
        raise ValueError("the error")
    assert list(tmp_path.iterdir()) == []


def test_a_table_is_replaced_whole_and_has_its_marks(spark: SparkSession, tmp_path: Path) -> None:
    old = table(tmp_path / "t", "old.parquet")
    with run(spark, old) as work:
        put(work, "new.parquet")
        assert names(old) == {"old.parquet"}, "before the commit readers see what was there"
        work.commit()
        assert names(old) == {"new.parquet", *DATA}
    assert names(tmp_path) == {"t"}


@pytest.mark.parametrize("can_exchange", [True, False])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_table_is_replaced_on_any_file_system(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool, at_once: bool
) -> None:
    monkeypatch.setattr(changes, "can_exchange", lambda *_: can_exchange)
    monkeypatch.setattr(changes, "moves_at_once", lambda *_: at_once)
    for new in ("a.parquet", "b.parquet"):
        with run(spark, tmp_path / "t") as work:
            put(work, new)
            work.commit()
        assert names(tmp_path / "t") == {new, *DATA}
    assert names(tmp_path) == {"t"}


def test_append_never_replaces_even_without_the_sidecar(spark: SparkSession, tmp_path: Path) -> None:
    old = table(tmp_path / "t", "old.parquet")
    with run(spark, old, "append") as work:
        put(work, "new.parquet")
        work.commit()
    assert names(old) == {"old.parquet", "new.parquet", "_elmo.json"}


def test_an_output_that_came_up_meanwhile_is_left_alone(spark: SparkSession, tmp_path: Path) -> None:
    words = "was made by somebody else meanwhile; the result of this run is"
    with pytest.raises(UserError, match=words) as error, run(spark, tmp_path / "t", "error") as work:
        table(tmp_path / "t", "theirs.parquet")
        put(work, "ours.parquet")
    assert names(tmp_path / "t") == {"theirs.parquet"}
    assert "ours.parquet" in names(Path(str(error.value).split("'")[-2].removeprefix("file:")))


def test_a_commit_that_cannot_be_ended_is_ended_by_the_next_run(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = table(tmp_path / "t", "old.parquet")

    def refuse(*_: object) -> None:
        raise ResourceError("quota")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match=r"quota; .* the same command puts the rest"):
        patch.setattr(changes, "exchange", refuse)
        patch.setattr(changes, "move", refuse)
        with run(spark, old) as work:
            put(work, "new.parquet")
            work.commit()
    assert names(old) == {"old.parquet"}
    with run(spark, old):
        assert names(old) == {"new.parquet", *DATA}
    assert names(tmp_path) == {"t"}


def test_nothing_is_seen_of_an_error_in_the_block(spark: SparkSession, tmp_path: Path) -> None:
    old = table(tmp_path / "t", "old.parquet")
    with pytest.raises(ValueError, match="the error"), run(spark, old) as work:
        put(work, "new.parquet")
        raise ValueError("the error")
    assert names(tmp_path) == {"t"} and names(old) == {"old.parquet"}


# Who has an output


def test_two_runs_at_once_on_one_output(spark: SparkSession, tmp_path: Path) -> None:
    with run(spark, tmp_path / "t"), run(spark, tmp_path / "other"):
        with (
            pytest.raises(UserError, match="is being written by another run \\(process") as error,
            run(spark, tmp_path / "t"),
        ):
            pass
        assert f"delete 'file:{tmp_path}/_elmo-t/owner-0'" in str(error.value)
    with run(spark, tmp_path / "t"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_two_runs_with_one_of_several_outputs_in_common(spark: SparkSession, tmp_path: Path) -> None:
    paths = {name: str(tmp_path / name) for name in ("a", "b", "c")}
    with run_of(spark, written(output=paths["b"], rejects=paths["a"])):
        for other in ({"output": paths["a"]}, {"output": paths["c"], "rejects": paths["b"]}):
            with pytest.raises(UserError, match="is being written"), run_of(spark, written(**other)):
                pass
    assert list(tmp_path.iterdir()) == []


def test_one_of_many_that_start_at_once_has_the_output(spark: SparkSession, tmp_path: Path) -> None:
    """Also where all of them find a run that was killed."""
    for there in (None, gone()):
        leave(tmp_path, there)
        barrier, done, held = Barrier(6), Event(), list[int]()

        def start(barrier: Barrier = barrier, done: Event = done, held: list[int] = held) -> None:
            barrier.wait()
            with suppress(UserError), run(spark, tmp_path / "t"):
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


def leave(folder: Path, owner: str | bytes | None, age_s: float = 0, name: str = "owner-0") -> Path:
    """What a run leaves that was killed while it wrote the output ``t``."""
    file = folder / "_elmo-t" / name
    if owner is None:
        return file
    (folder / "_elmo-t" / ("0" * 32) / "rows").mkdir(parents=True)
    file.write_bytes(owner if isinstance(owner, bytes) else owner.encode())
    os.utime(file, (time.time() - age_s,) * 2)
    return file


def gone(**other: Any) -> str:
    """An owner like this process, which has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    said = json.loads(owners.Owner.this_process([], "file:/t").text)
    return json.dumps(said | {"pid": process.pid} | other)


ELSEWHERE = {"machine": "another", "host": "another"}


@pytest.mark.parametrize(
    ("owner", "age_s", "is_free"),
    [
        (gone(), 0, True),
        (gone(process_started="1"), 0, True),  # the number of the process is another's by now
        (gone(pid=os.getpid()), 0, True),  # a run of this process that has ended and could not clean up
        (gone(**ELSEWHERE), 5, False),
        (gone(**ELSEWHERE), owners.GONE_AFTER_S + 5, True),
        (gone(**ELSEWHERE), -owners.GONE_AFTER_S - 5, True),  # from the future: another host's clock
        (gone(**ELSEWHERE), -5, False),
        (gone(**ELSEWHERE, pid="one"), 5, False),
        (b"", 5, True),
        (b"\xff\xfe", 5, True),
        ("[1, 2]", 5, True),
        ('{"token": "../..", "pid": 1}', 5, True),
        ('"text"', 5, True),
    ],
)
def test_who_is_gone(spark: SparkSession, tmp_path: Path, owner: str | bytes, age_s: float, is_free: bool) -> None:
    leave(tmp_path, owner, age_s)
    if not is_free:
        with pytest.raises(UserError, match="is being written by another run"), run(spark, tmp_path / "t"):
            pass
        assert (tmp_path / "_elmo-t" / ("0" * 32)).exists()
        return
    with run(spark, tmp_path / "t") as work:
        assert not (tmp_path / "_elmo-t" / ("0" * 32)).exists()
        assert Path(work.folder("output").removeprefix("file:")).exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["owner-99999999999999999999", "owner-007", "owner-x", "owner-²", "owner-1"])
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_odd_names_of_owners(spark: SparkSession, tmp_path: Path, name: str, kind: str) -> None:
    file = leave(tmp_path, b"", name=name)
    if kind != "file":
        file.unlink()
        file.mkdir() if kind == "folder" else file.symlink_to("nowhere")
    with run(spark, tmp_path / "t"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_taken_for_gone_puts_nothing_more_in_place(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "t"
    with pytest.raises(RuntimeError, match="another run has taken over"), run(spark, output) as work:
        monkeypatch.setattr(owners.Owner, "is_gone", lambda *_: True)
        other = run(spark, output)
        theirs = Path(other.__enter__().folder("output").removeprefix("file:"))
        put(work, "new.parquet")
        work.commit()
    assert theirs.exists() and not output.exists(), "the one that went on has cleared up the other's"
    other.__exit__(None, None, None)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_one_line(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "file.csv").touch()
    with pytest.raises(UserError, match=r"file\.csv"), run(spark, tmp_path / "file.csv" / "x"):
        pass
