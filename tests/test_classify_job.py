"""jobs/classify.py's function on a real Spark: the split, the scores, the files, the pipeline, the predictions."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.ml import PipelineModel
from pyspark.sql import SparkSession
from sklearn.metrics import auc, confusion_matrix, f1_score, roc_auc_score
from sklearn.model_selection import train_test_split

from elmo_udf.classification.job import classify
from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from tests.make_models import random_model
from tests.model_files import write_folder
from tests.refusals import refused

N = 80
GOOD, BAD = ("good", "fine", "great", "love"), ("bad", "awful", "broken", "hate")


def text_of(number: int, label: int) -> str:
    random = np.random.default_rng(number)
    words = random.choice((GOOD, BAD)[label], 3).tolist() + random.choice(["the", "phone", "it", "box"], 3).tolist()
    return " ".join(random.permutation(words)) + f" http://a.b/{number}"


LABELS = {str(i): int(np.random.default_rng(1000 + i).random() < 0.4) for i in range(1, N + 1)}
ROWS = [(i, text_of(int(i), label), label) for i, label in LABELS.items()]
UNLABELLED = [(str(i), text_of(i, i % 2)) for i in range(N + 12, N, -1)] + [("200", "http://a.b")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classify")
    write_folder(random_model(11), folder / "elmo")
    with (folder / "train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "tweet", "label"), *ROWS, ("300", "no label", "")])
    with (folder / "test.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "tweet"), *UNLABELLED])
    return folder


def options_of(folder: Path, **more: Any) -> ClassifyOptions:
    values = {"train": f"{folder}/train.csv", "label_column": "label", "text_column": "tweet"}
    values |= {"output": f"{folder}/out", "model": f"{folder}/elmo", "regularization": ("0.01",), "max_iterations": 20}
    return ClassifyOptions(**values | more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def texts(spark: SparkSession, folder: Path) -> dict[str, Any]:
    more = {"test": f"{folder}/test.csv", "steps": ("urls", "whitespace"), "learn_mix": True, "tfidf": True}
    return classify(spark, options_of(folder, **more))


def metrics(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "out" / "metrics.json").read_text("utf-8"))
    return found


def test_rows_are_counted_and_split_as_published(texts: dict[str, Any], folder: Path) -> None:
    counts = {name: texts[name] for name in ("rows_in", "rows_labelled", "rows_train", "rows_test", "rows_embedded")}
    assert counts == {"rows_in": N + 1, "rows_labelled": N, "rows_train": 64, "rows_test": 16, "rows_embedded": N + 1}
    _, held = train_test_split(list(LABELS), test_size=0.2, random_state=42)
    positive = sum(LABELS[i] for i in held)
    for trial in metrics(folder)["trials"]:
        assert np.array(trial["confusion"]).sum(axis=1).tolist() == [16 - positive, positive]


def test_scores_of_three_kinds_of_features(texts: dict[str, Any], folder: Path) -> None:
    trials = metrics(folder)["trials"]
    assert [trial["features"] for trial in trials] == ["ELMo, equal mix", "ELMo, learned mix", "TF-IDF"]
    for trial, row in zip(trials, texts["results"], strict=True):
        (_, fp), (fn, tp) = trial["confusion"]
        assert trial["f1"] == row["f1"] == round(2 * tp / (2 * tp + fp + fn), 4)
        assert (trial["precision"], trial["recall"]) == (round(tp / (tp + fp), 4), round(tp / (tp + fn), 4))
        area = auc(trial["roc"]["FPR"], trial["roc"]["TPR"])
        assert trial["roc_area"] == pytest.approx(area, abs=1e-4)
        assert trial["roc_area"] > (0.9 if trial["features"] == "TF-IDF" else 0.6)  # the words tell the labels apart
    assert trials[1]["mix"]["gamma"] > 0 and len(trials[1]["mix"]["s"]) == 3
    assert trials[0]["mix"] is None and "mix_s" in texts


def test_what_the_folder_holds(texts: dict[str, Any], folder: Path) -> None:
    names = {path.name for path in (folder / "out").iterdir() if not path.name.startswith(".")}
    assert names == {
        "model",
        "metrics.json",
        "confusion.png",
        "curves.png",
        "predictions.csv",
        "_elmo.json",
        "_SUCCESS",
    }
    assert (folder / "out" / "curves.png").read_bytes()[1:4] == b"PNG"
    assert not list(folder.glob("_*")), "the staging folder is left behind"


def test_the_loaded_pipeline_goes_from_raw_text_to_the_labels_that_were_predicted(
    spark: SparkSession, texts: dict[str, Any], folder: Path
) -> None:
    with (folder / "out" / "predictions.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["id", "label"]
    assert [row[0] for row in rows[1:]] == [*map(str, range(N + 1, N + 13)), "200"]  # by number
    assert (texts["rows_predicted"], texts["rows_predicted_without_vector"]) == (13, 1)
    table = spark.createDataFrame(UNLABELLED, "id string, tweet string").coalesce(1)
    found = PipelineModel.load(f"{folder}/out/model").transform(table)
    assert {row.id: row.predicted_label for row in found.collect()} == dict(rows[1:-1])
    assert rows[-1] == ["200", "0"]  # without a token: the most frequent label


def test_modes(spark: SparkSession, texts: dict[str, Any], folder: Path) -> None:
    with refused("exists already", "--mode overwrite"):
        classify(spark, options_of(folder))
    report = classify(spark, options_of(folder, mode="overwrite", dry_run=True))
    assert report["labels"].startswith("0 (") and report["rows_test"] == 16
    (folder / "other").mkdir(exist_ok=True)
    (folder / "other" / "metrics.json").write_text("{}")
    with refused("contains 'metrics.json'", "not part of a table"):
        classify(spark, options_of(folder, output=f"{folder}/other", mode="overwrite"))


@pytest.fixture(scope="module")
def vectors(spark: SparkSession, folder: Path) -> str:
    labels = ["low", "middle", "high"]
    table = {"id": list(range(N)), "text": [text_of(i, i % 2) for i in range(N)]}
    table |= {"rank": [labels[i % 2 + (i % 5 == 0 and i % 2)] for i in range(N)]}
    pq.write_table(pa.table(table), folder / "ranks.parquet")
    values = {"input": f"{folder}/ranks.parquet", "output": f"{folder}/vectors", "model": f"{folder}/elmo"}
    embed_corpus(spark, EmbedOptions(**values, keep_columns=("rank", "text"), tokenizer="whitespace"))  # type: ignore[arg-type]
    return f"{folder}/vectors"


@pytest.mark.slow
def test_a_table_of_vectors_with_three_labels_tuned_and_cross_validated(
    spark: SparkSession, vectors: str, folder: Path
) -> None:
    values = {"label_column": "rank", "regularization": ("0.01", "100"), "tuning_folds": 2, "folds": 2}
    options = options_of(folder, train=vectors, output=f"{folder}/ranks", class_weights="balanced", **values)
    report = classify(spark, options)
    assert report["labels"].startswith("high (") and report["positive_label"] == ""
    (row,), (folds,) = report["results"], report["cross_validation"]
    assert row["regularization"] == 0.01
    trial = json.loads((folder / "ranks" / "metrics.json").read_text())["trials"][0]
    assert set(trial["tuning"]) == {"0.01", "100"}
    assert row["f1"] == round(float(np.mean(trial["by_class"]["f1"])), 4)
    assert len(folds["f1"].split()) == 2
    assert not (folder / "ranks" / "curves.png").exists() and (folder / "ranks" / "confusion.png").exists()
    # the pipeline embeds as the table was embedded
    found = PipelineModel.load(f"{folder}/ranks/model")
    assert found.stages[0].getOrDefault("tokenizer") == "whitespace"


@pytest.mark.slow
def test_areas_and_weights_against_scikit_learn(spark: SparkSession) -> None:
    from pyspark.ml.functions import array_to_vector

    from elmo_udf.classification.train import fit, try_on

    random = np.random.default_rng(3)
    x, y = random.standard_normal((120, 3)), (random.random(120) < 0.3).astype(float)
    x[:, 0] += y
    data = [(i, float(y[i]), [float(v) for v in x[i]]) for i in range(120)]
    rows = spark.createDataFrame(data, "id int, class double, v array<double>").coalesce(1)
    rows = rows.withColumn("features", array_to_vector("v"))
    options = ClassifyOptions(
        train="i", label_column="class", output="o", class_weights="balanced", regularization=("0.1",)
    )
    fitted = fit(rows, 2, options)
    tried = try_on(fitted.model, rows, 2)
    scores = x @ fitted.model.coefficients.toArray() + fitted.model.intercept
    assert tried.roc_area == pytest.approx(roc_auc_score(y, scores))
    np.testing.assert_array_equal(tried.scores.confusion, confusion_matrix(y, scores > 0))
    assert tried.scores.f1[1] == pytest.approx(f1_score(y, scores > 0))
    from sklearn.linear_model import LogisticRegression

    deviation = x.std(axis=0, ddof=1)
    weights = np.where(y == 1, 120 / (2 * y.sum()), 120 / (2 * (120 - y.sum())))
    theirs = LogisticRegression(C=1 / (0.1 * 120), tol=1e-8).fit(x / deviation, y, weights)
    np.testing.assert_allclose(fitted.model.coefficients.toArray(), theirs.coef_[0] / deviation, rtol=0.05, atol=0.01)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label_column": "sentiment"}, ("no column 'sentiment'", "found ['id', 'tweet', 'label']", "--label-column")),
        ({"text_column": "text"}, ("no column 'text' (nor an embedding 'embedding')", "--text-column")),
        ({"positive_label": "2"}, ("positive label '2' is not one of ['0', '1']",)),
        ({"test_size": 0.2, "tuning_folds": 50}, ("has 80 labelled rows, expected at least 100",)),
        ({"layer": "top"}, ("layer 'top' is not in the model",)),
        ({"label_column": "tweet", "learn_mix": True}, ("has 81 labels, and --learn-mix",)),
        ({"train": "VECTORS", "label_column": "rank", "steps": ("urls",)}, ("--steps needs the texts",)),
        ({"train": "VECTORS", "label_column": "rank", "model": "elsewhere"}, ("--model needs the texts",)),
        ({"train": "NAN", "model": "builtin:mini"}, ("have 1 vectors with NULL, NaN or infinite values",)),
        ({"train": "RAGGED", "model": "builtin:mini"}, ("have 1 to 2 values a row",)),
        ({"train": "VECTORS", "label_column": "rank", "learn_mix": True}, ("--learn-mix needs the texts",)),
        ({"train": "VECTORS", "label_column": "rank", "test": "TEST"}, ("expected the same kind for both",)),
    ],
)
def test_mistakes(
    spark: SparkSession, vectors: str, folder: Path, options: dict[str, Any], words: tuple[str, ...]
) -> None:
    places = {"VECTORS": vectors, "TEST": f"{folder}/test.csv"}
    for name, vector in (("NAN", [0.0, float("nan")]), ("RAGGED", [0.0])):
        places[name] = f"{folder}/{name}.parquet"
        table = pa.table({"id": [1, 2], "label": [0, 1], "embedding": [[0.0, 1.0], vector]})
        pq.write_table(table, places[name])
    found = {name: places.get(value, value) if isinstance(value, str) else value for name, value in options.items()}
    with refused(*words):
        classify(spark, options_of(folder, output=f"{folder}/nothing", **found))
    assert not (folder / "nothing").exists()
