"""jobs/evaluate.py, whole: every number of its table against the reference network, numpy, scipy and scikit-learn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from scipy import stats
from sklearn.feature_extraction.text import CountVectorizer

from elmo_udf.cli import run_job
from elmo_udf.evaluation.inputs import read_pairs
from elmo_udf.evaluation.job import evaluate
from elmo_udf.evaluation.options import EvaluateOptions
from elmo_udf.text.tokenizer import Tokenizer
from tests.make_models import random_model
from tests.model_files import write_folder
from tests.pair_files import PAIRS, corrected, cosines, distinct_texts, tsv, vectors
from tests.refusals import refused

MODEL = random_model(7)
TRAIN = [(float(i % 6), text, other) for i, (_, text, other) in enumerate(PAIRS[2:] + PAIRS[:1])]
CORRECTIONS = ("none", "center", "remove-1", "whiten-3")
WORDS = {"the": [1.0, 0.0, 0.5], "moon": [0.2, 1.0, -1.0], "tides": [0.4, 0.7, 0.0], "The": [0.9, 0.1, 0.4]}
WORDS |= {"kettle": [-1.0, 0.3, 0.1], "boils": [-0.5, 0.5, 0.5], "boiling": [0.0, 0.4, 0.6], "a": [0.3, 0.3, 0.2]}


@pytest.fixture(scope="module")
def done(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run with everything: its report, its table and its paths."""
    folder = tmp_path_factory.mktemp("evaluate")
    model = str(write_folder(MODEL, folder / "elmo"))
    (folder / "dev.tsv").write_text(tsv() + "no number of fields like this\n" + "2.5\tOne side only.\t\n", "utf-8")
    (folder / "train.tsv").write_text(tsv(TRAIN), "utf-8")
    lines = [f"{len(WORDS)} 3", *(f"{word} {' '.join(map(str, values))}" for word, values in WORDS.items())]
    (folder / "words.txt").write_text("\n".join(lines) + "\n", "utf-8")
    paths = {name: str(folder / name) for name in ("dev.tsv", "train.tsv", "words.txt", "out", "out.json", "bars.png")}
    argv = ["--input", paths["dev.tsv"], "--output", paths["out"], "--model", model, "--report", paths["out.json"]]
    argv += ["--corrections", ",".join(CORRECTIONS), "--fit-mix", "--train", paths["train.tsv"], "--tfidf"]
    argv += ["--vectors", paths["words.txt"], "--plot", paths["bars.png"]]
    assert run_job(evaluate, EvaluateOptions, "evaluate", argv) == 0
    report = json.loads(Path(paths["out.json"]).read_text())
    return {"report": report, "rows": pq.read_table(paths["out"]).to_pylist(), "model": model, **paths}


def row_of(done: dict[str, Any], **wanted: str) -> dict[str, Any]:
    (row,) = [row for row in done["rows"] if all(row[name] == value for name, value in wanted.items())]
    return dict(row)


def check(row: dict[str, Any], expected: np.ndarray, scores: list[float]) -> None:
    """Cosines are rounded to 1e-6 and the network to 1e-5, which no rank here hangs on."""
    assert row["n_pairs"] == len(scores)
    assert row["spearman"] == pytest.approx(stats.spearmanr(expected, scores).statistic, abs=1e-9)
    assert row["pearson"] == pytest.approx(stats.pearsonr(expected, scores).statistic, abs=1e-4)


def test_every_layer_pooling_and_correction(done: dict[str, Any]) -> None:
    texts, scores = distinct_texts(), [score for score, _, _ in PAIRS]
    for layer in ("word_emb", "lstm_outputs1", "lstm_outputs2", "elmo"):
        for pooling in ("mean", "max"):
            rows = vectors(MODEL, layer, pooling, texts)
            for correction in CORRECTIONS:
                row = row_of(done, model=done["model"], layer=layer, pooling=pooling, correction=correction)
                check(row, cosines(corrected(rows, correction), texts), scores)
    assert len(done["rows"]) == 4 * 2 * 4 + 4 + 1 + 4  # the network's, the fitted mix's, TF-IDF's, static vectors'


def test_pairs_that_cannot_be_used_are_counted(done: dict[str, Any]) -> None:
    assert done["report"]["rows_in"] == len(PAIRS) + 2
    assert done["report"]["rejected_by_reason"] == {"malformed_record": 1, "null_text": 1}
    assert done["report"]["train_rows_in"] == len(TRAIN)
    assert done["report"]["n_texts"] == len(set(distinct_texts()) | set(distinct_texts(TRAIN)))
    assert done["report"]["model_loads"] <= 1


def test_fitted_mix(done: dict[str, Any]) -> None:
    """As good on the training pairs as the best of a grid; on the others, what numpy makes of its weights."""
    texts, train_texts = distinct_texts(), distinct_texts(TRAIN)
    layers = ("word_emb", "lstm_outputs1", "lstm_outputs2")

    def mixed(weights: np.ndarray, texts: list[str]) -> np.ndarray:
        doubled = [vectors(MODEL, layer, "mean", texts) for layer in layers]
        doubled[0] = np.tile(doubled[0], 2)
        return sum(weight * layer for weight, layer in zip(weights, doubled, strict=True))

    report = done["report"]
    logits = np.array(report["mix"]["weights"])
    weights = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(report["mix_softmax"], weights, atol=1e-4)
    assert report["mix"]["scale"] == 1
    for correction in CORRECTIONS:
        row = row_of(done, layer="fitted mix", correction=correction)
        check(row, cosines(corrected(mixed(weights, texts), correction), texts), [score for score, _, _ in PAIRS])

    def on_train(weights: np.ndarray) -> float:
        found = cosines(corrected(mixed(weights, train_texts), "center"), train_texts, TRAIN)
        return float(stats.spearmanr(found, [score for score, _, _ in TRAIN]).statistic)

    assert report["mix_train_spearman"] == pytest.approx(on_train(weights), abs=1e-4)
    assert report["equal_mix_train_spearman"] == pytest.approx(on_train(np.full(3, 1 / 3)), abs=1e-4)
    assert report["mix_train_spearman"] >= max(on_train(one) for one in np.eye(3)) - 1e-4


def test_tfidf(done: dict[str, Any]) -> None:
    texts = distinct_texts()
    words = [" ".join(t for s in Tokenizer()(text).sentences for t in s if t.isalnum()) for text in texts]
    counts = CountVectorizer(token_pattern=r"\S+").fit_transform(words).toarray()
    weights = np.log((len(texts) + 1) / ((counts > 0).sum(axis=0) + 1))
    check(row_of(done, model="tf-idf"), cosines(counts * weights, texts), [score for score, _, _ in PAIRS])


def test_static_vectors(done: dict[str, Any]) -> None:
    """Pairs whose texts both have a word that the file knows, as it is written or in lower case."""

    def vector(text: str) -> np.ndarray | None:
        tokens = [token for sentence in Tokenizer()(text).sentences for token in sentence]
        found = [WORDS.get(token, WORDS.get(token.lower())) for token in tokens]
        known = [values for values in found if values is not None]
        return np.mean(known, axis=0) if known else None

    kept = [pair for pair in PAIRS if all(vector(text) is not None for text in pair[1:])]
    texts = distinct_texts()
    without = [text for text in texts if vector(text) is None]
    assert 3 <= len(kept) < len(PAIRS) and done["report"]["vectors_texts_without"] == len(without) > 0
    known = [text for text in texts if text not in without]
    rows = np.array([vector(text) for text in known])
    for correction in ("none", "center", "remove-1", "whiten-3"):
        row = row_of(done, model=done["words.txt"], correction=correction)
        check(row, cosines(corrected(rows, correction), known, kept), [score for score, _, _ in kept])


def test_picture_and_report(done: dict[str, Any]) -> None:
    assert Path(done["bars.png"]).stat().st_size > 10_000
    assert len(done["report"]["correlations"]) == len(done["rows"])
    sidecar = json.loads((Path(done["out"]) / "_elmo.json").read_text())
    assert sidecar["table"] == "evaluation" and sidecar["mix"] == done["report"]["mix"]


@pytest.mark.slow
def test_mistakes(spark: SparkSession, done: dict[str, Any], tmp_path: Path) -> None:
    def run(**options: Any) -> None:
        given = {"input": done["dev.tsv"], "output": str(tmp_path / "out"), "model": done["model"]} | options
        evaluate(spark, EvaluateOptions(**given))

    with refused("column 'stars' is not in input", "found ['score', 'sentence1', 'sentence2']", "--label-column"):
        run(label_column="stars")
    with refused("column 'text' is not in input", "--text-column-b"):
        run(text_column_b="text")
    with refused("layer 'lstm_outputs3' is not in the model"):
        run(layers=("lstm_outputs3",))
    with refused("2 labels that are not numbers, such as 'high'", "--label-column"):
        (tmp_path / "words.tsv").write_text("score\tsentence1\tsentence2\n1\tA b.\tC.\nlow\tA.\tB.\nhigh\tA.\tB.\n")
        run(input=str(tmp_path / "words.tsv"))
    with refused("output", "exists already"):
        run(output=done["out"])
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_published_pairs_are_read_whole(spark: SparkSession, shared: Path) -> None:
    """Their quotes are not closed everywhere; a reader that minds them would lose pairs."""
    options = EvaluateOptions(input="in", output="out")
    for name, n_pairs in (("dev", 1500), ("train", 5749)):
        path = shared / "data" / "stsb" / f"stsb_{name}.tsv"
        pairs = read_pairs(spark, options, str(path), "score").toArrow().to_pylist()
        lines = path.read_text("utf-8").split("\n")[1:-1]
        assert [(row["label_found"], row["a"], row["b"]) for row in pairs] == [tuple(x.split("\t")) for x in lines]
        assert len(pairs) == n_pairs and all(row["_malformed"] is None for row in pairs)
        assert [row["id"] for row in pairs] == [f"{path}:{i + 1}" for i in range(n_pairs)]
