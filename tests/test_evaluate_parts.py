"""The plain parts of the evaluation: pooling all layers at once, mixes, correlations, thresholds, pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from scipy import stats
from sklearn.metrics import f1_score

from elmo_udf.correlation import pearson, spearman
from elmo_udf.evaluation.fitted_mix import fit_mix, mixed_cosines
from elmo_udf.evaluation.options import EvaluateOptions, PairsOptions, correction_named
from elmo_udf.evaluation.scores import all_positive, at_threshold, best_threshold, check_scores
from elmo_udf.plots.bars import correlation_bars
from elmo_udf.plots.scatter import class_histograms, score_scatter
from tests.make_models import random_model
from tests.refusals import refused

MODEL = random_model(3)
TEXTS = ["The moon rose. It was late , and cold.", "", "Tides!", "A boat. A boat and a net. Nets.", "One more."]
LAYERS = ("word_emb", "lstm_outputs1", "lstm_outputs2", "elmo")
WIDTHS = (8, 16, 16, 16)


def pairs_of_layers(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Layers of the first and the second texts, (n, 3, 6) each: alike to a degree that differs by pair and layer."""
    random = np.random.default_rng(2)
    first = random.standard_normal((n, 3, 6))
    alike = random.uniform(0, 1, (n, 3, 1))
    return first, alike * first + (1 - alike) * random.standard_normal((n, 3, 6))


def products_of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.stack(
        [np.einsum("njd,nkd->njk", x, y) for x, y in ((first, second), (first, first), (second, second))], 1
    )


def direct_cosines(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> np.ndarray:
    a, b = (np.tensordot(side, weights, axes=(1, 0)) for side in (first, second))
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_cosines_of_a_mix_from_products_of_layers() -> None:
    first, second = pairs_of_layers()
    weights = np.array([0.1, 0.7, 0.2])
    expected = direct_cosines(first, second, weights)
    np.testing.assert_allclose(mixed_cosines(products_of(first, second), weights), expected, atol=1e-12)


@pytest.mark.parametrize("true", [(0.15, 0.6, 0.25), (1.0, 0.0, 0.0), (1 / 3, 1 / 3, 1 / 3)])
def test_the_mix_that_made_the_scores_is_found(true: tuple[float, ...]) -> None:
    first, second = pairs_of_layers()
    scores = np.exp(3 * direct_cosines(first, second, np.array(true)))  # in any monotonic scale: ranks decide
    found = fit_mix(products_of(first, second), scores)
    np.testing.assert_allclose(found.mix.shares, true, atol=0.01)
    assert found.spearman > 0.999 >= found.equal_spearman - 1e-3
    assert found.mix.scale == 1


def test_the_mix_of_noisy_scores_is_as_good_as_a_fine_grid() -> None:
    first, second = pairs_of_layers()
    noise = np.random.default_rng(4).normal(0, 0.3, 400)
    scores = direct_cosines(first, second, np.array([0.2, 0.5, 0.3])) + noise
    products = products_of(first, second)
    grid = [np.array([i, j, 40 - i - j]) / 40 for i in range(41) for j in range(41 - i)]
    best = max(stats.spearmanr(mixed_cosines(products, weights), scores).statistic for weights in grid)
    assert fit_mix(products, scores).spearman >= best - 0.002


def test_correlations_are_those_of_scipy() -> None:
    random = np.random.default_rng(1)
    x, y = random.standard_normal(200), random.integers(0, 6, 200).astype(float)  # with ties
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-12)
    assert np.isnan(pearson(x, np.ones(200)))
    with refused("train has 3 usable pairs with 1 different labels"):
        check_scores(np.ones(3), "train")


@pytest.mark.parametrize("seed", range(5))
def test_best_threshold_is_that_of_trying_all(seed: int) -> None:
    random = np.random.default_rng(seed)
    is_positive = random.uniform(size=60) < 0.4
    cosines = np.round(random.normal(0.3 * is_positive, 0.3), 1)  # with ties
    found = best_threshold(cosines, is_positive)
    tried = {threshold: f1_score(is_positive, cosines >= threshold) for threshold in np.unique(cosines)}
    assert found.f1 == pytest.approx(max(tried.values())) == pytest.approx(tried[found.cosine])
    assert 2 / (1 / found.precision + 1 / found.recall) == pytest.approx(found.f1)


def test_a_given_threshold_and_the_baseline() -> None:
    cosines, is_positive = np.array([0.9, 0.5, 0.4, 0.1]), np.array([True, False, True, True])
    found = at_threshold(cosines, is_positive, 0.5)
    assert (found.cosine, found.precision, found.recall, found.accuracy) == (0.5, 0.5, pytest.approx(1 / 3), 0.25)
    assert found.f1 == pytest.approx(0.4)
    nothing = at_threshold(cosines, is_positive, 0.95)
    assert (nothing.f1, nothing.precision, nothing.recall, nothing.accuracy) == (0, 0, 0, 0.25)
    assert all_positive(is_positive) == {
        "accuracy": 0.75,
        "f1": pytest.approx(f1_score(is_positive, np.ones(4, bool))),
    }


def test_mistakes_in_options() -> None:
    def evaluation(**options: object) -> EvaluateOptions:
        return EvaluateOptions(input="in", output="out", **options)  # type: ignore[arg-type]

    with refused("--fit-mix and --train go together"):
        evaluation(fit_mix=True)
    with refused("pooling 'median' is unknown"):
        evaluation(poolings=("median",))
    for name in ("whiten", "remove-0", "center-1", "pca-2"):
        with refused(f"correction {name!r} is unknown"):
            evaluation(corrections=("none", name))
    for name in ("none", "center", "remove-12", "whiten-3"):
        assert correction_named(name).correction_name == name
    with refused("level is 'token'"):
        PairsOptions(input="in", output="out", level="token")
    with refused("--plot needs labels"):
        PairsOptions(input="in", output="out", plot="x.png")
    with refused("--threshold needs labels"):
        PairsOptions(input="in", output="out", threshold=0.5)
    with refused("threshold is 2.0, expected -1 to 1"):
        PairsOptions(input="in", output="out", label_column="label", threshold=2.0)
    with refused("remove_components is 1 and whiten 2"):
        PairsOptions(input="in", output="out", remove_components=1, whiten=2)
    with refused("max_sentence_tokens is 0"):
        PairsOptions(input="in", output="out", max_sentence_tokens=0)


@pytest.mark.slow
def test_pictures(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    cosines, scores = random.uniform(size=6000), random.uniform(0, 5, 6000)
    score_scatter(cosines[:300], scores[:300], tmp_path / "points.png", "A title")
    score_scatter(cosines, scores, tmp_path / "hexagons.png", "A title")
    class_histograms(cosines, cosines + scores > 2, 0.5, tmp_path / "classes.png", "A title")
    corrections = ("none", "center", "remove-1")
    rows = [
        {"model": m, "layer": layer, "pooling": p, "correction": c, "spearman": random.uniform()}
        for m in ("builtin:mini", "/models/other")
        for layer in LAYERS
        for p in ("mean", "max")
        for c in corrections
    ]
    rows.append({"model": "tf-idf", "layer": "-", "pooling": "-", "correction": "none", "spearman": 0.5})
    correlation_bars(rows, tmp_path / "bars.png", "A title")
    for name in ("points", "hexagons", "classes", "bars"):
        pixels = imread(tmp_path / f"{name}.png")
        assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20
