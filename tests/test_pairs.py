"""jobs/pairs.py, whole: cosines against the reference network and numpy; nothing lost, nothing embedded twice."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from scipy import stats

from elmo_udf.cli import run_job
from elmo_udf.evaluation.inputs import read_pairs
from elmo_udf.evaluation.options import PairsOptions
from elmo_udf.evaluation.pairs import compare_pairs
from elmo_udf.similarity.joins.fit import read_correction
from tests.make_models import random_model
from tests.model_files import write_folder
from tests.pair_files import PAIRS, corrected, cosines, distinct_texts, tsv, vectors
from tests.refusals import refused

MODEL = random_model(9)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_folder(MODEL, tmp_path_factory.mktemp("pairs") / "elmo"))


def read(path: str) -> dict[Any, dict[str, Any]]:
    return {row["id"]: row for row in pq.read_table(path).to_pylist()}


def test_cosines_scores_correction_and_picture(spark: SparkSession, tmp_path: Path, model: str) -> None:
    """A tab-separated file without ids, all options: against numpy; and the saved correction makes the same vectors."""
    (tmp_path / "in.tsv").write_text(tsv(), "utf-8")
    argv = ["--input", str(tmp_path / "in.tsv"), "--output", str(tmp_path / "out"), "--model", model]
    argv += ["--layer", "lstm_outputs1", "--pooling", "max", "--remove-components", "1", "--label-column", "score"]
    argv += ["--plot", str(tmp_path / "plot.png"), "--report", str(tmp_path / "report.json")]
    assert run_job(compare_pairs, PairsOptions, "pairs", argv) == 0
    report, found = json.loads((tmp_path / "report.json").read_text()), read(str(tmp_path / "out"))
    texts = distinct_texts()
    rows = vectors(MODEL, "lstm_outputs1", "max", texts)
    expected = cosines(corrected(rows, "remove-1"), texts)
    ids = [f"{tmp_path}/in.tsv:{i + 1}" for i in range(len(PAIRS))]
    assert found.keys() == set(ids)
    np.testing.assert_allclose([found[i]["cosine"] for i in ids], expected, atol=2e-5)
    assert [found[i]["label"] for i in ids] == [score for score, _, _ in PAIRS]
    scores = [score for score, _, _ in PAIRS]
    assert report["spearman"] == pytest.approx(stats.spearmanr(expected, scores).statistic, abs=1e-6)
    assert report["pearson"] == pytest.approx(stats.pearsonr(expected, scores).statistic, abs=1e-4)
    assert report["n_texts"] == len(texts) < 2 * len(PAIRS)  # each distinct text once
    assert report["cosine_quantiles"]["0.5"] == pytest.approx(np.median(expected), abs=2e-5)
    assert (tmp_path / "plot.png").stat().st_size > 5_000
    again = read_correction(spark, str(tmp_path / "out")).apply(rows)
    np.testing.assert_allclose(cosines(again, texts), expected, atol=2e-5)
    assert pq.read_table(tmp_path / "out-rejects").num_rows == 0


@pytest.mark.slow
def test_nothing_is_lost_and_labels_of_two_classes(spark: SparkSession, tmp_path: Path, model: str) -> None:
    good = [(i, a, b, int(score > 2.5)) for i, (score, a, b) in enumerate(PAIRS)]
    bad = [
        (100, None, "B.", 1),
        (101, "A.", "   ", 0),
        (None, "A.", "B.", 1),
        (0, "Zebras.", "Zebras.", 1),
        (103, "A.", "​", 1),
    ]
    names = ["pair", "left text", "right.text", "same"]
    columns = [pa.array(values) for values in zip(*good, *bad, strict=True)]
    pq.write_table(pa.table(columns, names=names), tmp_path / "in.parquet")
    given = {"input": str(tmp_path / "in.parquet"), "output": str(tmp_path / "out"), "model": model}
    given |= {"id_column": "pair", "text_column_a": "left text", "text_column_b": "right.text", "label_column": "same"}
    report = compare_pairs(spark, PairsOptions(**given, plot=str(tmp_path / "plot.png")))  # type: ignore[arg-type]
    rejects = pq.read_table(tmp_path / "out-rejects").to_pylist()
    reasons = {(row["id"], row["reason"]) for row in rejects}
    assert {(100, "null_text"), (101, "blank_text"), (None, "null_id")} <= reasons
    assert sum(reason == "duplicate_id" for _, reason in reasons) == 1
    found = read(str(tmp_path / "out"))
    assert report["rows_in"] == len(good) + len(bad) == len(found) + len(rejects)
    assert report["rows_rejected"] == len(rejects) and sum(report["rejected_by_reason"].values()) == len(rejects)
    texts = distinct_texts()
    expected = cosines(vectors(MODEL, "elmo", "mean", texts), texts)
    for i in range(1, len(PAIRS)):  # of pair 0 there are two
        assert found[i]["cosine"] == pytest.approx(expected[i], abs=2e-5)
    labels = np.array([row["label"] for row in found.values()]) == 1
    taken = np.array([row["cosine"] for row in found.values()]) >= report["best_threshold"]
    assert report["precision"] == pytest.approx((labels & taken).sum() / taken.sum(), abs=1e-6)
    assert report["recall"] == pytest.approx((labels & taken).sum() / labels.sum(), abs=1e-6)
    assert report["accuracy"] == pytest.approx((labels == taken).mean(), abs=1e-6)
    assert report["all_positive"]["accuracy"] == pytest.approx(labels.mean(), abs=1e-6)
    assert (tmp_path / "plot.png").stat().st_size > 5_000
    again = PairsOptions(**given, mode="overwrite", threshold=report["best_threshold"])  # type: ignore[arg-type]
    same = compare_pairs(spark, again)
    assert same["threshold"] == report["best_threshold"] and "best_threshold" not in same
    names = ("f1", "precision", "recall", "accuracy", "all_positive")
    assert {name: same[name] for name in names} == {name: report[name] for name in names}


@pytest.mark.slow
def test_a_threshold_needs_two_classes(spark: SparkSession, tmp_path: Path, model: str) -> None:
    (tmp_path / "in.tsv").write_text(tsv(), "utf-8")
    given = {"input": str(tmp_path / "in.tsv"), "output": str(tmp_path / "out"), "model": model}
    with refused("--threshold needs labels that are 0 and 1, found other numbers in column 'score'"):
        compare_pairs(spark, PairsOptions(**given, label_column="score", threshold=0.5))  # type: ignore[arg-type]


@pytest.mark.slow
def test_formats_and_ids(spark: SparkSession, tmp_path: Path) -> None:
    """The same pairs from every format; the id is the column id where there is one, else the file and the row."""
    rows = [{"sentence1": a, "sentence2": b} for _, a, b in PAIRS]
    with (tmp_path / "in.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["sentence1", "sentence2"])
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    pq.write_table(pa.Table.from_pylist([{"id": i} | row for i, row in enumerate(rows)]), tmp_path / "in.parquet")
    (tmp_path / "in.tsv").write_text(tsv(), "utf-8")
    options = PairsOptions(input="in", output="out")
    for name in ("in.csv", "in.jsonl", "in.parquet", "in.tsv"):
        found = read_pairs(spark, options, str(tmp_path / name), None).orderBy("id").toArrow().to_pylist()
        assert [(row["a"], row["b"]) for row in found] == [(a, b) for _, a, b in PAIRS], name
        ids = list(range(len(PAIRS))) if name == "in.parquet" else [f"{tmp_path}/{name}:{i + 1}" for i in range(9)]
        assert [row["id"] for row in found] == ids


@pytest.mark.slow
def test_mistakes(spark: SparkSession, tmp_path: Path, model: str) -> None:
    (tmp_path / "in.tsv").write_text(tsv(), "utf-8")
    (tmp_path / "one.tsv").write_text("score\tsentence1\tsentence2\n1\tA.\tB.\n1\tC.\tD.\n", "utf-8")
    (tmp_path / "none.tsv").write_text("score\tsentence1\tsentence2\n", "utf-8")
    (tmp_path / "in.txt").write_text("A text.\n", "utf-8")

    def run(name: str = "in.tsv", **options: Any) -> None:
        given = {"input": str(tmp_path / name), "output": str(tmp_path / "out"), "model": model} | options
        compare_pairs(spark, PairsOptions(**given))

    with refused("input", "in.txt' is text, expected a table"):
        run("in.txt")
    with refused("does not exist"):
        run("other.tsv")
    with refused("column 'id' is not in input", "--id-column"):
        run(id_column="id")
    with refused("whiten-50 needs 50 components, but the vectors are 16 wide"):
        run(whiten=50)
    with refused("label column 'score' has 1 in every row"):
        run("one.tsv", label_column="score")
    with refused("has no rows"):
        run("none.tsv")
    with refused("plot", ".png"):
        run(label_column="score", plot="x.jpg")
    assert not list(tmp_path.glob("out*")) and not list(tmp_path.glob("_elmo*"))
