"""The senses of a word apart: clusters against brute force, and the job on a table with two senses."""

from __future__ import annotations

import json
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from matplotlib.image import imread
from pyspark.sql import SparkSession

from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.plots.senses import draw_senses
from elmo_udf.words.clusters import agreement, clustered, projected, typical_words
from elmo_udf.words.find import collect, find
from elmo_udf.words.options import SensesOptions
from elmo_udf.words.senses import separate_senses
from tests.make_models import random_model
from tests.model_files import write_folder
from tests.refusals import refused

RIVER, MONEY = "We sat on the bank of the river .", "Their bank lent money to the firm ."


def blobs(sizes: list[int], spread: float = 0.1, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (n, 6) around some axes, shuffled, and the axis (n,) of each."""
    random = np.random.default_rng(seed)
    axis = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    vectors = np.eye(6)[axis] + spread * random.standard_normal((len(axis), 6))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), axis


def test_clusters_are_found_and_numbered_by_size() -> None:
    unit, axis = blobs([5, 20, 9])
    found = clustered(unit, 3, seed=0)
    assert found.sizes == [20, 9, 5]
    np.testing.assert_array_equal(found.labels, np.array([2, 0, 1])[axis])
    for cluster in range(3):
        mean = unit[found.labels == cluster].mean(axis=0)
        expected = unit[found.labels == cluster] @ mean / np.linalg.norm(mean)
        np.testing.assert_allclose(found.cosines[found.labels == cluster], expected, atol=5e-7)


def test_clusters_are_the_tightest_of_all() -> None:
    unit, _ = blobs([6, 6], spread=0.9)
    found = clustered(unit, 2, seed=1)
    others = (np.array([0, *rest]) for rest in product((0, 1), repeat=len(unit) - 1))
    assert error_of(unit, found.labels) == pytest.approx(min(error_of(unit, labels) for labels in others))
    np.testing.assert_array_equal(found.labels, clustered(unit, 2, seed=1).labels)


def error_of(unit: np.ndarray, labels: np.ndarray) -> float:
    """Sum of the squared distances to the means of the clusters."""
    parts = [unit[labels == cluster] for cluster in np.unique(labels)]
    return sum(float(np.square(part - part.mean(axis=0)).sum()) for part in parts)


def test_clusters_that_can_not_be() -> None:
    with refused("k is 3, and the occurrences have only 2 different vectors"):
        clustered(np.eye(2)[[0, 1, 1, 0]], 3, seed=0)


def test_projection_is_onto_the_directions_of_most_variance() -> None:
    vectors = np.random.default_rng(3).standard_normal((20, 7)) * np.arange(1, 8)
    places, shares = projected(vectors)
    variances, axes = np.linalg.eigh(np.cov(vectors.T))
    expected = (vectors - vectors.mean(axis=0)) @ axes[:, :-3:-1]
    np.testing.assert_allclose(np.abs(places), np.abs(expected), atol=1e-9)
    np.testing.assert_allclose(shares, variances[:-3:-1] / variances.sum(), atol=1e-12)
    np.testing.assert_array_equal(places, projected(vectors)[0])  # and the picture does not flip
    np.testing.assert_allclose(projected(np.outer([1.0, 2, 4], [1.0]))[1], [1, 0], atol=1e-12)  # one dimension


def test_agreement_is_the_best_matching() -> None:
    random = np.random.default_rng(4)
    labels, senses = random.integers(0, 3, 30), [str(sense) for sense in random.integers(0, 4, 30)]
    labels[:3] = 0, 1, 2
    best = max(
        sum(sense == matched[label] for label, sense in zip(labels, senses, strict=True))
        for matched in permutations("0123", 3)
    )
    assert agreement(labels, senses) == best / 30


def test_typical_words() -> None:
    texts = [RIVER, "The river rose to the bank .", MONEY, "My bank lost money ."]
    sentences = [text.split() for text in texts]
    assert typical_words(sentences, np.array([0, 0, 1, 1]), "Bank", 1) == [["river"], ["money"]]
    found = typical_words(sentences, np.array([0, 0, 1, 1]), "Bank", 9)
    assert found == [
        ["river", "the"],
        ["money"],
    ]  # "the" is in three sentences, two of them here; no other word is in two


def test_picture(tmp_path: Path) -> None:
    unit, axis = blobs([40, 30, 20])
    senses = [f"sense {i % 14}" for i in range(90)]  # more than there are markers
    places, shares = projected(unit)
    draw_senses(places, axis, ["one", "two", "three"], shares, tmp_path / "p.png", "A title", senses)
    pixels = imread(tmp_path / "p.png")[:, :, :3]
    assert pixels.shape[1] > 800
    colours = np.unique((pixels.reshape(-1, 3) * 255).round().astype(int), axis=0)
    assert len(colours) > 20
    assert (np.concatenate([pixels[:4].ravel(), pixels[-4:].ravel(), pixels[:, -4:].ravel()]) == 1).all()


@pytest.fixture(scope="module")
def tables(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Ten times one sentence, seven times another, and one with a capital letter: which clusters are right is known."""
    folder = tmp_path_factory.mktemp("senses")
    model = str(write_folder(random_model(11), folder / "elmo"))
    rows = [(f"r{i}", "river", RIVER) for i in range(10)] + [(f"m{i}", "money", MONEY) for i in range(7)]
    rows += [("x", "", "Bank shares rose .")]
    (folder / "d.csv").write_text("id,sense,text\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    paths = {}
    for level, layer in (("token", "elmo"), ("document", "elmo"), ("words", "word_emb")):
        kind = "token" if level == "words" else level
        paths[level] = str(folder / level)
        options = {"model": model, "level": kind, "layer": layer, "keep_columns": ("sense",)}
        embed_corpus(spark, EmbedOptions(input=str(folder / "d.csv"), output=paths[level], **options))  # type: ignore[arg-type]
    return paths


def options(tables: dict[str, str], folder: Path, **changes: Any) -> SensesOptions:
    values = {"embeddings": tables["token"], "word": "bank", "output": str(folder / "senses")}
    return SensesOptions(**values | changes)


def test_job(spark: SparkSession, tables: dict[str, str], tmp_path: Path) -> None:
    plot = tmp_path / "new" / "picture.png"
    changes = {"label_column": "sense", "match_case": True, "plot": str(plot), "examples": 1}
    report = separate_senses(spark, options(tables, tmp_path, **changes))
    rows = pq.read_table(tmp_path / "senses").to_pylist()
    assert [row["id"] for row in rows] == sorted(f"{c}{i}" for c, n in (("r", 10), ("m", 7)) for i in range(n))
    assert all(
        (row["cluster"], row["label"]) == ((0, "river") if row["id"][0] == "r" else (1, "money")) for row in rows
    )
    assert {row["sentence"] for row in rows} == {s.replace("bank", "[bank]") for s in (RIVER, MONEY)}
    assert {(row["token"], row["sentence_index"], row["token_index"]) for row in rows} == {
        ("bank", 0, 4),
        ("bank", 0, 1),
    }
    assert all(row["cosine"] == 1 for row in rows)
    assert len({row["x"] > 0 for row in rows if row["cluster"]}) == 1
    assert (report["occurrences"], report["occurrences_used"], report["silhouette"]) == (17, 17, 1.0)
    assert (report["agreement"], report["labels_known"], report["most_frequent_label"]) == (1.0, 17, round(10 / 17, 4))
    assert report["labels"] == [
        {"label": "money", "cluster_0": 0, "cluster_1": 7},
        {"label": "river", "cluster_0": 10, "cluster_1": 0},
    ]
    assert [cluster["occurrences"] for cluster in report["clusters"]] == [10, 7]
    assert "river" in report["clusters"][0]["typical_words"] and "money" in report["clusters"][1]["typical_words"]
    assert [(e["cluster"], e["id"], e["sentence"]) for e in report["examples"]] == [
        (0, "r0", RIVER.replace("bank", "[bank]")),
        (1, "m0", MONEY.replace("bank", "[bank]")),
    ]
    sidecar = json.loads((tmp_path / "senses" / "_elmo.json").read_text())
    assert (sidecar["table"], sidecar["word"], sidecar["k"]) == ("senses", "bank", 2)
    assert imread(plot).shape[1] > 800


@pytest.mark.slow
def test_a_sample_depends_on_places_alone(spark: SparkSession, tables: dict[str, str], tmp_path: Path) -> None:
    from elmo_udf.spark.tables import read_embeddings

    asked = options(tables, tmp_path, label_column="sense", max_occurrences=6)
    table = read_embeddings(spark, tables["token"])
    samples = [collect(one, find(one, asked), 6) for one in (table, table.repartition(5))]
    assert samples[0].rows.to_pylist() == samples[1].rows.to_pylist() and len(samples[0]) == 6
    np.testing.assert_array_equal(samples[0].unit, samples[1].unit)
    everything = collect(table, find(table, asked), 100)
    assert len(everything) == 18 and everything.senses is not None and everything.senses.count(None) == 1


@pytest.mark.slow
def test_dry_run_and_refusals(spark: SparkSession, tables: dict[str, str], tmp_path: Path) -> None:
    report = separate_senses(spark, options(tables, tmp_path, dry_run=True, max_occurrences=5))
    assert (report["occurrences"], report["occurrences_used"]) == (18, 5)
    for changes, words in [
        ({"word": "stream"}, ("word 'stream' occurs 0 times in table", "expected more than k, which is 2")),
        ({"embeddings": tables["document"]}, ("is of level document, expected token",)),
        ({"embeddings": tables["words"]}, ("k is 2, and the occurrences have only 1 different vectors",)),
        ({"label_column": "kind"}, ("label column 'kind' is not in table", "--keep-columns")),
        ({"plot": "picture.pdf"}, ("plot 'picture.pdf'", ".png")),
    ]:
        with refused(*words):
            separate_senses(spark, options(tables, tmp_path, match_case=True, **changes))
    assert not (tmp_path / "senses").exists()


@pytest.mark.parametrize("changes", [{"k": 1}, {"k": 11}, {"max_occurrences": 2}, {"examples": -1}, {"seed": -1}])
def test_options(changes: dict[str, Any]) -> None:
    (name,) = changes
    with refused(f"{name} is {changes[name]}, expected"):
        SensesOptions(embeddings="a", word="b", output="c", **changes)
