"""ELMo's similarities beside those of TF-IDF: against numpy, scipy and scikit-learn, and the job on a few texts."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.image import imread
from pyspark.sql import SparkSession

from elmo_udf.plots.side_by_side import Panel, side_by_side
from elmo_udf.tfidf.job import compare_texts
from elmo_udf.tfidf.matrix import terms_of, tfidf_matrix
from elmo_udf.tfidf.options import CompareOptions
from elmo_udf.tfidf.pairs import Pairs, dense_cosines, sparse_cosines
from tests import numpy_elmo
from tests.make_models import random_model
from tests.model_files import write_folder
from tests.refusals import refused

MODEL = random_model(21)
TEXTS = {  # id, and the tokens of the one sentence
    "a": "The bank lent the money .",
    "b": "The boat lay at the bank .",
    "c": "A boat ! A BOAT !",
    "d": "They lent it .",
    "e": "? ! .",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_folder(MODEL, tmp_path_factory.mktemp("compare") / "elmo"))


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def slow_tfidf(documents: list[list[str]]) -> np.ndarray:
    """Term by term from the formula: (n, V) in the order of the terms."""
    vocabulary = sorted({term for terms in documents for term in terms})
    frequency = {term: sum(term in terms for terms in documents) for term in vocabulary}
    weight = {term: math.log((len(documents) + 1) / (frequency[term] + 1)) for term in vocabulary}
    return np.array([[terms.count(term) * weight[term] for term in vocabulary] for terms in documents])


def of_sentence(text: str) -> list[str]:
    return terms_of([text.split(" ")])


def test_terms_are_words_in_one_case() -> None:
    assert terms_of([["The", "BOAT", "-", "2", "'s"], ["Straße", "“", "नदी"]]) == [
        "the", "boat", "2", "'s", "strasse", "नदी"
    ]  # fmt: skip


def test_tfidf_is_the_formula_and_scikit_learns_without_the_one(spark: SparkSession) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    documents = [of_sentence(text) for text in TEXTS.values()]
    table = spark.createDataFrame(list(zip(TEXTS, documents, strict=True)), "id string, terms array<string>")
    matrix, n_terms = tfidf_matrix(table.repartition(3))
    np.testing.assert_allclose(matrix.toarray(), slow_tfidf(documents), atol=1e-12)
    assert matrix.shape == (5, n_terms) and n_terms == 10
    theirs = TfidfVectorizer(analyzer=list, norm=None).fit_transform(documents).toarray()
    counts = np.array([[terms.count(term) for term in sorted(set().union(*documents))] for terms in documents])
    np.testing.assert_allclose(theirs - matrix.toarray(), counts, atol=1e-12)


def test_cosines_of_vectors_without_a_direction_are_nan() -> None:
    from scipy.sparse import csr_matrix

    vectors = np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0], [3.0, 0.0, 4.0]])
    for cosines in (dense_cosines(vectors), sparse_cosines(csr_matrix(vectors))):
        assert np.isnan(cosines[1]).all() and np.isnan(cosines[:, 1]).all()
        expected = (unit(vectors[[0, 2]]) @ unit(vectors[[0, 2]]).T).ravel()
        np.testing.assert_allclose(cosines[np.ix_([0, 2], [0, 2])].ravel(), expected, atol=5e-7)


def test_ranks_and_correlation_are_scipys() -> None:
    from scipy.stats import spearmanr

    random = np.random.default_rng(5)
    left, right = (np.round(m + m.T, 1) for m in random.standard_normal((2, 12, 12)))  # with many ties
    right[3] = right[:, 3] = np.nan
    pairs = Pairs.of(left, right)
    assert len(pairs) == 66 and pairs.n_ranked == 55
    kept = [(a, b) for a in range(12) for b in range(a + 1, 12) if 3 not in (a, b)]
    x, y = (np.array([m[pair] for pair in kept]) for m in (left, right))
    assert pairs.spearman() == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    higher = [(y > value).sum() + ((y == value).sum() + 1) / 2 for value in y]  # mean of the places of equal ones
    np.testing.assert_array_equal(pairs.tfidf_rank[np.isfinite(pairs.tfidf_rank)], higher)
    apart = sorted(
        (-abs((x > p).sum() + (x == p).sum() / 2 - (y > q).sum() - (y == q).sum() / 2), pair)
        for p, q, pair in zip(x, y, kept, strict=True)
    )
    found = [(int(pairs.i[p]), int(pairs.j[p])) for p in pairs.most_different(10)]
    assert found == [pair for _, pair in apart[:10]]
    assert len(pairs.most_different(100)) == 55


@pytest.mark.parametrize("cosines", [np.ones((4, 4)), np.full((4, 4), np.nan)])
def test_nothing_to_correlate(cosines: np.ndarray) -> None:
    varied = np.arange(16.0).reshape(4, 4)
    assert Pairs.of(varied, cosines).spearman() is None
    assert Pairs.of(varied, varied).spearman() == pytest.approx(1)


def run(spark: SparkSession, tmp_path: Path, source: Path, model: str, **changes: Any) -> tuple[dict[str, Any], Any]:
    output = str(tmp_path / "pairs")
    values = {"input": str(source), "output": output, "model": model, "tokenizer": "whitespace"} | changes
    return compare_texts(spark, CompareOptions(**values)), output


def test_job(spark: SparkSession, tmp_path: Path, model: str) -> None:
    source, plot = tmp_path / "texts.csv", tmp_path / "new" / "picture.png"
    rows = [*TEXTS.items(), ("f", ""), ("a", TEXTS["a"])]
    source.write_text("id,text\n" + "".join(f'{name},"{text}"\n' for name, text in rows))
    report, output = run(spark, tmp_path, source, model, plot=str(plot), labels="text", k=2)
    table = pq.read_table(output).to_pydict()
    names = list(TEXTS)
    expected = [(a, b) for a in names for b in names if a < b]
    assert list(zip(table["id_a"], table["id_b"], strict=True)) == expected

    means = np.array([numpy_elmo.layers(MODEL, text.split())["elmo"].mean(axis=0) for text in TEXTS.values()])
    elmo, i, j = unit(means) @ unit(means).T, *np.triu_indices(5, 1)
    np.testing.assert_allclose(table["elmo_cosine"], elmo[i, j], atol=2e-6)
    words = unit(slow_tfidf([of_sentence(text) for text in TEXTS.values()])[:4])
    found = [cosine for cosine in table["tfidf_cosine"] if cosine is not None]
    a, b = np.triu_indices(4, 1)
    np.testing.assert_allclose(found, (words @ words.T)[a, b], atol=5e-7)
    without = [rank is None for rank in table["elmo_rank"]]
    assert without == [cosine is None for cosine in table["tfidf_cosine"]] == ["e" in pair for pair in expected]

    assert (report["rows_in"], report["rows_embedded"], report["rows_rejected"]) == (7, 5, 2)
    assert report["rejected_by_reason"] == {"duplicate_id": 1, "null_text": 1}
    assert (report["n_pairs"], report["n_pairs_ranked"], report["texts_without_tfidf"]) == (10, 6, 1)
    assert -1 <= report["spearman"] <= 1
    first, second = report["disagreements"]
    assert abs(first["elmo_rank"] - first["tfidf_rank"]) >= abs(second["elmo_rank"] - second["tfidf_rank"]) > 0
    assert first["text_a"] == TEXTS[first["id_a"]]
    row = expected.index((first["id_a"], first["id_b"]))
    assert all(first[name] == table[name][row] for name in ("elmo_cosine", "tfidf_cosine", "elmo_rank", "tfidf_rank"))
    sidecar = json.loads((Path(output) / "_elmo.json").read_text())
    assert sidecar["table"] == "comparison" and sidecar["fingerprint"] == MODEL.fingerprint()
    assert imread(plot).shape[1] > 1000
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith("_elmo")]


@pytest.mark.slow
def test_centered_tokens(spark: SparkSession, tmp_path: Path, model: str) -> None:
    """Text that is tokenized already, ids that are numbers, another order and a correction."""
    tokens = [text.split() for text in TEXTS.values()]
    source = tmp_path / "texts.parquet"
    pq.write_table(pa.table({"number": [5, 3, 10, 1, 2], "words": tokens}), source)
    report, output = run(
        spark, tmp_path, source, model, id_column="number", text_column="words", center=True, tokenizer="words"
    )
    table = pq.read_table(output).to_pydict()
    order = [3, 4, 1, 0, 2]  # of the ids 1, 2, 3, 5, 10
    assert table["id_a"] == [1] * 4 + [2] * 3 + [3] * 2 + [5] and table["id_b"][3] == 10
    means = np.array([numpy_elmo.layers(MODEL, tokens[place])["elmo"].mean(axis=0) for place in order])
    centered = unit(means - means.mean(axis=0))
    i, j = np.triu_indices(5, 1)
    np.testing.assert_allclose(table["elmo_cosine"], (centered @ centered.T)[i, j], atol=5e-6)
    assert report["correction"] == "center"


@pytest.mark.slow
def test_dry_run_and_refusals(spark: SparkSession, tmp_path: Path, model: str) -> None:
    source = tmp_path / "texts.txt"
    source.write_text("One.\nTwo.\n\n...\n")
    report, output = run(spark, tmp_path, source, model, dry_run=True)
    assert report["rows_in"] == 4 and not Path(output).exists()
    with refused("plot", "'p.jpg'", ".png"):
        run(spark, tmp_path, source, model, plot="p.jpg")
    with refused("plot", "which is a file"):
        run(spark, tmp_path, source, model, plot=str(source / "p.png"))
    source.write_text("One.\n" * 2)
    with refused("has 2 texts, expected 3 to 2,000"):
        run(spark, tmp_path, source, model)
    source.write_text("One.\n" * 2001)
    with refused("has more than 2,000 texts, expected 3 to 2,000", "jobs/similarity.py"):
        run(spark, tmp_path, source, model)
    source.write_text("One.\n \nTwo.\n")
    with refused("has 2 texts that can be embedded"):
        run(spark, tmp_path, source, model)
    assert not Path(output).exists()


def test_options() -> None:
    for changes, words in [({"level": "token"}, "level is 'token'"), ({"k": 0}, "k is 0")]:
        with refused(words):
            CompareOptions(input="a", output="b", **changes)  # type: ignore[arg-type]
    with refused("remove_components is 1 and whiten 2"):
        CompareOptions(input="a", output="b", remove_components=1, whiten=2)


@pytest.mark.parametrize("n", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (40, 200))])
def test_picture(tmp_path: Path, n: int) -> None:
    random = np.random.default_rng(n)
    left, right = (np.corrcoef(random.standard_normal((n, 5))) for _ in range(2))
    right[0] = right[:, 0] = np.nan
    names = [f"A text that has some words, too many for a label {i}" for i in range(n)]
    side_by_side(names, Panel("Left", left), Panel("Right", right), tmp_path / "p.png", "A title")
    pixels = imread(tmp_path / "p.png")
    assert 450 <= pixels.shape[0] <= 1400 and 900 <= pixels.shape[1] <= 3000
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20 if n > 3 else True
    assert (np.concatenate([pixels[:4, :, :3].ravel(), pixels[:, :4, :3].ravel()]) == 1).all(), "nothing is cut off"
