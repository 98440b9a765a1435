"""Results that are continued: exactly the tables of a full run, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from elmo_udf.similarity.job import compare_tables
from elmo_udf.similarity.kernels.cosine import Rows
from elmo_udf.similarity.kernels.prune import choose_pruning
from elmo_udf.similarity.options import SimilarityOptions
from tests.refusals import refused
from tests.test_similarity_prune import like_a_network

WIDTH = 12


def vectors_of(names: list[str], changed: tuple[str, ...] = ()) -> np.ndarray:
    """(n, WIDTH) float32: a name's vector depends on the name alone, near one of seven centers."""
    rows = []
    for name in names:
        number = int(name[1:]) + (1000 if name in changed else 0)
        random = np.random.default_rng(number)
        center = np.random.default_rng(number % 7).standard_normal(WIDTH)
        rows.append(2 + center + 0.3 * random.standard_normal(WIDTH))
    return np.array(rows, np.float32)


def write(path: Path, names: list[str], changed: tuple[str, ...] = (), files: int = 1) -> str:
    path.mkdir()
    table = pa.table({"id": names, "embedding": vectors_of(names, changed).tolist()})
    for number, start in enumerate(range(0, len(names), -(-len(names) // files))):
        pq.write_table(table.slice(start, -(-len(names) // files)), path / f"{number}.parquet")
    return str(path)


NAMES = [f"d{i}" for i in range(60)]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A table as it was; as it has become, in another order and in more files: nine new, one changed, one gone."""
    folder = tmp_path_factory.mktemp("update")
    grown = [f"d{i}" for i in np.random.default_rng(1).permutation(69) if i != 17]
    return {
        "was": write(folder / "was", NAMES),
        "grown": write(folder / "grown", grown, changed=("d30",), files=3),
        "other": write(folder / "other", [f"e{i}" for i in range(100, 140)]),
        "other grown": write(folder / "other-grown", [f"e{i}" for i in range(101, 145)], changed=("e120",)),
    }


def run(spark: SparkSession, kind: str, table: str, output: Path, **options: Any) -> dict[str, Any]:
    asked = {"k": 4} if kind == "topk" else {"threshold": 0.8}
    values = {"kind": kind, "embeddings": table, "output": str(output), "block_rows": 16} | asked | options
    return compare_tables(spark, SimilarityOptions(**values))


@pytest.mark.parametrize("kind", ["topk", pytest.param("pairs", marks=pytest.mark.slow)])
def test_a_table_that_has_grown(spark: SparkSession, tables: dict[str, str], tmp_path: Path, kind: str) -> None:
    """With a correction: that of the earlier result counts, and a full run with it gives the same table."""
    run(spark, kind, tables["was"], tmp_path / "was", center=True)
    report = run(spark, kind, tables["grown"], tmp_path / "updated", center=True, update=str(tmp_path / "was"))
    run(spark, kind, tables["grown"], tmp_path / "full", correction=str(tmp_path / "was"))
    updated, full = (pq.read_table(tmp_path / name) for name in ("updated", "full"))
    assert updated.equals(full) and len(updated) > 60
    assert {name: report[name] for name in ("rows_new", "rows_changed", "rows_gone", "rows_out")} == {
        "rows_new": 9,
        "rows_changed": 1,
        "rows_gone": 1,
        "rows_out": len(updated),
    }
    # of the lists those that named what is gone or has changed are made again, not the others
    assert report["tasks"] == 1  # all rows with those, and nothing else
    assert 10 <= report["rows_compared_again"] <= 30 and (report["rows_affected"] > 0) == (kind == "topk")
    assert report["correction"] == "center" and report["correction_of"] == str(tmp_path / "was")
    assert report["correction_fit_on"] == 60
    was = pq.read_table(tmp_path / "was")
    assert not was.equals(updated)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["topk", "pairs"])
def test_against_another_table(spark: SparkSession, tables: dict[str, str], tmp_path: Path, kind: str) -> None:
    """Of which rows have come, gone and changed too."""
    run(spark, kind, tables["was"], tmp_path / "was", against=tables["other"])
    now = {"against": tables["other grown"]}
    report = run(spark, kind, tables["grown"], tmp_path / "updated", update=str(tmp_path / "was"), **now)
    run(spark, kind, tables["grown"], tmp_path / "full", **now)
    assert pq.read_table(tmp_path / "updated").equals(pq.read_table(tmp_path / "full"))
    assert (report["rows_new"], report["rows_changed"], report["rows_gone"]) == (9 + 5, 2, 2)


@pytest.mark.slow
@pytest.mark.parametrize("against", [False, True])
@pytest.mark.parametrize("kind", ["topk", "pairs"])
def test_where_so_much_is_new_that_it_is_less_work_all_are_compared(
    spark: SparkSession,
    tables: dict[str, str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    against: bool,
) -> None:
    few = write(tmp_path / "few", NAMES[:8])
    run(spark, kind, few, tmp_path / "was", **({"against": tables["other"]} if against else {}))
    other = {"against": tables["other grown"]} if against else {}
    with caplog.at_level("INFO", "elmo_udf"):
        report = run(spark, kind, tables["grown"], tmp_path / "updated", update=str(tmp_path / "was"), **other)
    assert "so many rows are new or have changed that all are compared" in caplog.messages
    run(spark, kind, tables["grown"], tmp_path / "full", **other)
    assert pq.read_table(tmp_path / "updated").equals(pq.read_table(tmp_path / "full"))
    assert (report["rows_new"], report["rows_gone"]) == ((65, 1) if against else (60, 0))


@pytest.mark.slow
def test_pruned_pairs_of_a_table_that_has_grown(spark: SparkSession, tmp_path: Path) -> None:
    vectors = like_a_network(5, 1200, width=512)
    assert choose_pruning(Rows.of(vectors), None, 0.98) is not None
    for name, n in (("was", 1000), ("grown", 1200)):
        rows = pa.table({"id": range(n), "embedding": pa.array(list(vectors[:n]), pa.list_(pa.float32()))})
        pq.write_table(rows, tmp_path / f"{name}.parquet")
    asked: dict[str, Any] = {"threshold": 0.98, "block_rows": 256}
    run(spark, "pairs", str(tmp_path / "was.parquet"), tmp_path / "was", **asked)
    grown = str(tmp_path / "grown.parquet")
    run(spark, "pairs", grown, tmp_path / "updated", update=str(tmp_path / "was"), **asked)
    run(spark, "pairs", grown, tmp_path / "full", prune=False, **asked)
    full = pq.read_table(tmp_path / "full")
    assert pq.read_table(tmp_path / "updated").equals(full)
    assert len(full) > len(pq.read_table(tmp_path / "was")) > 300


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "against"), [("topk", False), ("pairs", True), ("groups", False), ("matrix", True)])
def test_a_dry_run_says_what_the_run_will_do(
    spark: SparkSession, tables: dict[str, str], tmp_path: Path, kind: str, against: bool
) -> None:
    other = {"against": tables["other"]} if against else {}
    planned = run(spark, kind, tables["was"], tmp_path / "out", dry_run=True, **other)
    assert not (tmp_path / "out").exists()
    report = run(spark, kind, tables["was"], tmp_path / "out", **other)
    names = ("rows", "width") if kind == "matrix" else ("rows", "width", "tasks")
    assert [planned[name] for name in names] == [report[name] for name in names]


@pytest.mark.slow
def test_an_update_may_take_the_place_of_what_it_continues(
    spark: SparkSession, tables: dict[str, str], tmp_path: Path
) -> None:
    """Also where nothing is new. What it would take is known before."""
    out = tmp_path / "near"
    run(spark, "topk", tables["was"], out)
    before = pq.read_table(out)
    planned = run(spark, "topk", tables["grown"], tmp_path / "no", update=str(out), dry_run=True)
    assert (planned["rows"], planned["rows_new"]) == (68, 9)
    assert planned["gflop_of_new_rows"] == round(2 * WIDTH * 68 * 9 / 1e9, 3)
    report = run(spark, "topk", tables["was"], out, update=f"file:{out}/", mode="overwrite")
    assert report["rows_new"] == report["rows_compared_again"] == 0
    assert pq.read_table(out).equals(before)
    assert [path.name for path in tmp_path.iterdir()] == ["near"]


@pytest.mark.slow
def test_a_result_whose_files_are_missing_or_there_twice_is_refused(
    spark: SparkSession, tables: dict[str, str], tmp_path: Path
) -> None:
    table = next(iter(tables.values()))
    run(spark, "topk", table, tmp_path / "was")
    (data, *_) = sorted((tmp_path / "was").glob("*.parquet"))
    n_rows = json.loads((tmp_path / "was" / "_elmo.json").read_text("utf-8"))["n_rows"]
    shutil.copy(data, tmp_path / "was" / "again.parquet")
    with refused(f"the run that made it wrote {n_rows:,}", "missing or there twice"):
        run(spark, "topk", table, tmp_path / "out", update=str(tmp_path / "was"))
    (tmp_path / "was" / "again.parquet").unlink()
    pq.write_table(pq.read_table(data).slice(1), data)
    (data.parent / f".{data.name}.crc").unlink(missing_ok=True)
    with refused(f"has {n_rows - 1:,} rows, but the run that made it wrote {n_rows:,}"):
        run(spark, "topk", table, tmp_path / "out", update=str(tmp_path / "was"))


def test_a_result_of_other_options_is_refused(spark: SparkSession, tables: dict[str, str], tmp_path: Path) -> None:
    run(spark, "pairs", tables["was"], tmp_path / "was", center=True)
    asked = {"update": str(tmp_path / "was"), "center": True}
    for options, words in [
        ({"threshold": 0.7}, "threshold 0.8, but this run has 0.7"),
        ({"center": False}, "correction center, but this run has none"),
        ({"center": False, "whiten": 2}, "correction center, but this run has whiten-2"),
        ({"against": tables["other"]}, "against the table itself, but this run has another table"),
    ]:
        with refused("previous result", words, "without --update"):
            run(spark, "pairs", tables["grown"], tmp_path / "out", **asked | options)
    with refused("table pairs, but this run has topk"):
        run(spark, "topk", tables["grown"], tmp_path / "out", **asked)
    made = json.loads((tmp_path / "was" / "_elmo.json").read_text("utf-8"))
    assert made["correction"] == "center" and made["threshold"] == 0.8
    ints = tmp_path / "ints.parquet"
    pq.write_table(pa.table({"id": [1, 2], "embedding": [[1.0] * WIDTH, [2.0] * WIDTH]}), ints)
    with refused("ids of type string, but table", "has bigint"):
        run(spark, "pairs", str(ints), tmp_path / "out", **asked)
    with refused("does not record the rows"):
        run(spark, "pairs", tables["grown"], tmp_path / "out", update=tables["was"])
    assert not (tmp_path / "out").exists()
