"""jobs/similarity.py as people run it: flags in, tables, report and exit codes out."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.image import imread

from elmo_udf.cli import run_job
from elmo_udf.similarity import pictures
from elmo_udf.similarity.job import compare_tables
from elmo_udf.similarity.joins import plan
from elmo_udf.similarity.options import SimilarityOptions
from elmo_udf.version import __version__

VECTORS = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 2, 0], [-1, 0, 3]], np.float32)
IDS = ["a", "b", "c", "d", "e"]


@pytest.fixture
def documents(tmp_path: Path) -> str:
    """A table that this project did not make."""
    path = tmp_path / "documents.parquet"
    pq.write_table(pa.table({"key": IDS, "vector": VECTORS.tolist(), "other": range(5)}), path)
    return str(path)


def run(spark: Any, *arguments: object) -> int:
    return run_job(compare_tables, SimilarityOptions, "", [str(argument) for argument in arguments])


def columns(path: str) -> list[object]:
    return ["--embeddings", path, "--id-column", "key", "--embedding-column", "vector"]


def changed(arguments: list[object], *flags: object) -> list[object]:
    """The arguments with these flags and values, in place of those of the same flags."""
    values = dict(zip(flags[::2], flags[1::2], strict=True))
    before = list(zip(arguments[::2], arguments[1::2], strict=True))
    return [part for pair in (dict(before) | values).items() for part in pair]


def test_top_k_read_back_by_others(spark: Any, documents: str, tmp_path: Path) -> None:
    out, report_path = tmp_path / "near", tmp_path / "report.json"
    more = ["--report", report_path, "--plot", tmp_path / "near.png"]
    assert run(spark, "topk", *columns(documents), "--output", out, "--k", 2, "--block-rows", 2, *more) == 0
    expected = [
        ("a", 1, "b", 0.707107),
        ("a", 2, "c", 0.0),
        ("b", 1, "a", 0.707107),
        ("b", 2, "c", 0.707107),
        ("c", 1, "d", 1.0),
        ("c", 2, "b", 0.707107),
        ("d", 1, "c", 1.0),
        ("d", 2, "b", 0.707107),
        ("e", 1, "c", 0.0),
        ("e", 2, "d", 0.0),
    ]
    by_pyarrow = pq.read_table(out)
    assert by_pyarrow.column_names == ["id", "rank", "neighbor_id", "cosine"]
    assert [tuple(row.values()) for row in by_pyarrow.to_pylist()] == expected
    assert duckdb.sql(f"select * from '{out}/*.parquet' order by id, rank").fetchall() == expected
    assert pl.read_parquet(f"{out}/*.parquet").rows() == expected
    report = json.loads(report_path.read_text("utf-8"))
    assert report["status"] == "ok" and report["rows"] == 5 and report["rows_out"] == 10 and report["blocks"] >= 3
    sidecar = json.loads((out / "_elmo.json").read_text("utf-8"))
    assert sidecar.pop("run")["report"]["rows_out"] == 10
    asked = {"table": "topk", "embeddings": documents, "k": 2, "correction": "none", "n_rows": 10}
    assert sidecar == {"format": 1, "elmo_udf_version": __version__, **asked}
    assert pq.read_table(out / "_rows").column_names == ["id", "digest"]  # which readers above have skipped
    assert report["cosine_quantiles"]["0"] == -0.3163 and report["cosine_quantiles"]["1"] == 1.0
    assert len(np.unique(imread(tmp_path / "near.png").reshape(-1, 4), axis=0)) > 20
    names = {"documents.parquet", "near", "near.png", "report.json"}
    assert {path.name for path in tmp_path.iterdir()} == names  # nothing staged


def test_pairs_against_another_table_and_overwrite(spark: Any, documents: str, tmp_path: Path, capsys: Any) -> None:
    other, out = tmp_path / "other.parquet", tmp_path / "pairs"
    pq.write_table(pa.table({"key": [7, 8], "vector": [[2.0, 2.0, 0.0], [0.0, 0.0, 1.0]]}), other)
    flags = [*columns(documents), "--against", other, "--threshold", 0.9, "--output", out]
    assert run(spark, "pairs", *flags) == 0
    assert pq.read_table(out).to_pylist() == [
        {"id_a": "b", "id_b": 7, "cosine": 1.0},
        {"id_a": "e", "id_b": 8, "cosine": 0.948683},
    ]
    assert json.loads((out / "_elmo.json").read_text("utf-8"))["against"] == str(other)
    capsys.readouterr()
    assert run(spark, "pairs", *flags) == 0
    assert "done_already" in capsys.readouterr().out
    assert run(spark, "pairs", *changed(flags, "--threshold", 1)) == 2
    assert f"error: output '{out}' exists already; give another path, or --mode overwrite" in capsys.readouterr().err
    assert run(spark, "pairs", *changed(flags, "--threshold", 1, "--mode", "overwrite")) == 0
    assert len(pq.read_table(out)) == 1
    assert run(spark, "matrix", *columns(documents), "--against", other, "--output", tmp_path / "matrix") == 0
    rows = pq.read_table(tmp_path / "matrix")
    expected = [[0.707107, 0], [1, 0], [0.707107, 0], [0.707107, 0], [-0.223607, 0.948683]]
    assert rows["id"].to_pylist() == IDS
    np.testing.assert_allclose(rows["cosines"].to_pylist(), expected, atol=1e-6)


def test_matrix_with_its_ids_also_as_csv_and_picture(spark: Any, documents: str, tmp_path: Path) -> None:
    small = ["--csv", tmp_path / "m.csv", "--plot", tmp_path / "new" / "m.png"]
    assert run(spark, "matrix", *columns(documents), "--output", tmp_path / "matrix", *small) == 0
    rows = pq.read_table(tmp_path / "matrix")
    assert rows["id"].to_pylist() == IDS
    assert json.loads((tmp_path / "matrix" / "_elmo.json").read_text("utf-8"))["ids"] == IDS
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    cosines = np.array(rows["cosines"].to_pylist())
    assert np.allclose(cosines, unit @ unit.T, atol=1e-6)
    with (tmp_path / "m.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.reader(file))
    assert cells[0] == ["id", *IDS] and [row[0] for row in cells[1:]] == IDS
    np.testing.assert_allclose(np.array([row[1:] for row in cells[1:]], float), cosines, atol=5e-7)
    assert len(np.unique(imread(tmp_path / "new" / "m.png").reshape(-1, 4), axis=0)) > 20


def test_dry_run_explains_and_writes_nothing(spark: Any, documents: str, tmp_path: Path, capsys: Any) -> None:
    for kind in ("topk", "pairs", "matrix"):
        assert run(spark, kind, *columns(documents), "--output", tmp_path / "out", "--dry-run", "--center") == 0
        out = capsys.readouterr().out
        for name in (
            "gflop",
            "mib_read_from_blocks",
            "mib_shuffled",
            "super_tile",
            "tasks",
            "slots",
            "blocks_at_least",
        ):
            assert f"\n{name} " in out, name
        assert ("partial_rows_at_most" in out) == (kind == "topk")
    assert [path.name for path in tmp_path.iterdir()] == ["documents.parquet"]


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--k", "0"], "error: k is 0, expected 1 to 1,000"),
        (["--embeddings", "/nowhere"], "error: table '/nowhere' does not exist"),
        (["--id-column", "id"], "has no column 'id'; found key, vector, other; name one with --id-column"),
        (["--embedding-column", "other"], "embedding column 'other' is bigint, expected array<float>"),
        (["--id-column", "other", "--against", "/nowhere"], "error: table '/nowhere' does not exist"),
        (["--output", "/x/y", "--against", "file:/x/y/"], "output '/x/y' contains the table of --against 'file:/x/y/'"),
    ],
)
def test_mistakes_end_with_2_and_one_line(
    spark: Any, documents: str, tmp_path: Path, capsys: Any, flags: list[str], line: str
) -> None:
    arguments = [*columns(documents), "--output", tmp_path / "out"]
    assert run(spark, "topk", *changed(arguments, *flags)) == 2
    said = capsys.readouterr()
    assert line in said.err and said.err.count("\n") == 1 and said.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["documents.parquet"]


def test_bad_rows_leave_no_trace_of_the_attempt(spark: Any, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "bad.parquet"
    pq.write_table(pa.table({"id": [1, 2], "embedding": [[0.0, 0.0], [1.0, 2.0]]}), path)
    assert run(spark, "pairs", "--embeddings", path, "--output", tmp_path / "out") == 2
    assert f"table '{path}' has 1 row with a zero vector" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["bad.parquet"]


def test_a_matrix_is_refused_before_the_work(
    spark: Any, documents: str, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "MAX_MATRIX_CELLS", 24)
    assert run(spark, "matrix", *columns(documents), "--output", tmp_path / "out") == 2
    assert "a matrix of 5 x 5 is too large" in capsys.readouterr().err


def test_a_matrix_that_is_too_large_to_look_at(
    spark: Any, documents: str, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MAX_CSV_CELLS", 24)
    monkeypatch.setattr(pictures, "MAX_DRAWN", 4)
    flags = ["matrix", *columns(documents), "--output", tmp_path / "out"]
    for more, words in (
        (["--csv", tmp_path / "a.csv"], "5 x 5 is too large for --csv, expected at most 24 cells"),
        (["--plot", tmp_path / "a.png"], "5 x 5 can't be drawn, expected 2 to 4 rows and columns"),
        (["--plot", tmp_path / "a.pdf"], "does not end with .png"),
        (["--csv", tmp_path / "a.tsv"], "does not end with .csv"),
        (["--csv", tmp_path / "out" / "a.csv"], "contains csv"),
    ):
        assert run(spark, *flags, *more) == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["documents.parquet"]


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["topk", "--k", "1001"], "k is 1001, expected 1 to 1,000"),
        (["groups", "--against", "x"], "--against works with topk, pairs and matrix, and the kind is groups"),
        (["topk", "--max-pairs", "5"], "--max-pairs works with pairs and groups, and the kind is topk"),
        (["pairs", "--max-pairs", "0"], "max_pairs is 0, expected 1 to "),
        (["matrix", "--update", "x"], "--update works with topk and pairs, and the kind is matrix"),
        (["pairs", "--csv", "x.csv"], "--csv works with matrix, and the kind is pairs"),
        (["pairs", "--center", "--correction", "x"], "--correction and center both determine"),
        (["pairs", "--update", "y", "--correction", "x"], "--correction and --update both determine"),
        (["pairs", "--whiten", "2", "--remove-components", "1"], "expected one of them"),
    ],
)
def test_options_that_make_no_sense(spark: Any, capsys: Any, flags: list[str], line: str) -> None:
    assert run(spark, *flags, "--embeddings", "e", "--output", "o") == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and line in said and said.count("\n") == 1


def test_the_script_explains_itself_without_spark(root: Path) -> None:
    command = [sys.executable, str(root / "jobs" / "similarity.py")]
    wrong = subprocess.run([*command, "nearest", "--output", "x"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2 and wrong.stderr.startswith("error: ") and "topk" in wrong.stderr
    assert wrong.stderr.count("\n") == 1
