"""Outputs: what is refused before any work, and how a table comes into its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from elmo_udf.errors import UserError
from elmo_udf.spark import commit, files
from elmo_udf.spark.outputs import check_outputs


def table(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(name)
    return folder


@pytest.mark.parametrize("mode", ["error", "overwrite", "append"])
@pytest.mark.parametrize(
    ("output", "rejects", "source", "words"),
    [
        ("t/corpus", "t/r", "t/corpus", "output 't/corpus' holds the input"),
        ("t", "r", "t/corpus/a.csv", "output 't' holds the input"),
        ("t/corpus", "t/r", "t/corpus/*.csv", "output 't/corpus' holds the input"),
        ("t/o", "t/o/rejects", "t/corpus", "output 't/o' holds rejects 't/o/rejects'"),
        ("t/o/rows", "t/o", "t/corpus", "rejects 't/o' holds output 't/o/rows'"),
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
        with pytest.raises(UserError, match="which is no part of a table; expected a table, or nothing"):
            check_outputs(spark, {"output": str(folder)}, {}, mode)


def test_an_existing_table_needs_a_mode(spark: SparkSession, tmp_path: Path) -> None:
    folder = str(table(tmp_path / "t", "part-0.parquet"))
    with pytest.raises(UserError, match="exists already; give another path, or --mode overwrite"):
        check_outputs(spark, {"output": folder}, {}, "error")


def test_staging_is_hidden_and_goes_away(spark: SparkSession, tmp_path: Path) -> None:
    output = str(tmp_path / "day=2026-01-01")
    with commit.staging(spark, output) as folder:
        assert Path(folder).parent == tmp_path
        assert Path(folder).name.startswith("_")
        assert "=" not in Path(folder).name
    assert list(tmp_path.iterdir()) == []


def test_a_table_is_replaced_whole_and_has_its_marks(spark: SparkSession, tmp_path: Path) -> None:
    old, staged = table(tmp_path / "t", "old.parquet"), table(tmp_path / "s", "new.parquet")
    commit.put_table(spark, str(staged), str(old), {"table": "x"}, "overwrite")
    assert {p.name for p in old.iterdir() if not p.name.startswith(".")} == {"new.parquet", "_elmo.json", "_SUCCESS"}
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def test_append_never_replaces_even_without_the_sidecar(spark: SparkSession, tmp_path: Path) -> None:
    old, staged = table(tmp_path / "t", "old.parquet"), table(tmp_path / "s", "new.parquet")
    commit.put_table(spark, str(staged), str(old), {}, "append")
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
    with pytest.raises(OSError, match="quota"), commit.staging(spark, output) as folder:
        table(Path(folder) / "table", "new.parquet")
        commit.put_table(spark, f"{folder}/table", output, {}, "overwrite")
    assert (tmp_path / "t" / "old.parquet").read_text() == "old.parquet"
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def test_an_output_that_came_up_meanwhile_is_left_alone(spark: SparkSession, tmp_path: Path) -> None:
    theirs, staged = table(tmp_path / "t", "theirs.parquet"), table(tmp_path / "s", "ours.parquet")
    with pytest.raises(UserError, match="was made by another run meanwhile; the table of this run is") as error:
        commit.put_table(spark, str(staged), str(theirs), {}, "error")
    assert (theirs / "theirs.parquet").exists()
    assert (Path(str(error.value).split("'")[-2]) / "ours.parquet").exists()


def test_a_folder_that_cannot_be_is_one_line(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "file.csv").touch()
    with pytest.raises(UserError, match=r"file\.csv"), commit.staging(spark, str(tmp_path / "file.csv" / "x")):
        pass
