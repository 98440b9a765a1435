"""The numpy parts of classification, against scikit-learn and against slow, obvious code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from scipy.optimize import approx_fprime
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from elmo_udf.classification.learned_mix import MixProblem
from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.classification.rows import _held_out
from elmo_udf.classification.scores import Scores
from elmo_udf.plots.confusion import Confusion, confusion_matrices
from elmo_udf.plots.curves import Curve, curves
from tests.refusals import refused


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_are_those_of_scikit_learn(n_classes: int) -> None:
    random = np.random.default_rng(1)
    true, found = random.integers(0, n_classes, 200), random.integers(0, n_classes, 200)
    scores = Scores.of(confusion_matrix(true, found))
    precision, recall, f1, _ = precision_recall_fscore_support(true, found)
    np.testing.assert_allclose([scores.precision, scores.recall, scores.f1], [precision, recall, f1])
    assert scores.accuracy == pytest.approx(accuracy_score(true, found))


def test_scores_of_a_class_that_is_never_found() -> None:
    scores = Scores.of(np.array([[3, 0], [2, 0]]))
    assert (scores.precision[1], scores.recall[1], scores.f1[1], scores.accuracy) == (0, 0, 0, 0.6)


def problem(n: int = 400, width: int = 6, penalty: float = 0.01, noise: float = 0.3) -> MixProblem:
    """Rows whose class depends on the second of three layers; the others are noise."""
    random = np.random.default_rng(5)
    layers = random.standard_normal((3, n, width)) * np.array([1, 2, 3])[:, None, None]
    logits = layers[1] @ random.standard_normal(width) + noise * random.standard_normal(n)
    weights = random.uniform(0.5, 1.5, n)
    return MixProblem(layers, (logits > 0).astype(float), weights / weights.sum(), penalty)


def test_gradient_is_that_of_the_loss() -> None:
    rows = problem(30)
    deviation = rows.deviation()
    parameters = np.random.default_rng(2).standard_normal(3 + 2 + 6) * 0.7
    numeric = approx_fprime(parameters, lambda p: rows.loss(p, deviation)[0], 1e-7)
    np.testing.assert_allclose(rows.loss(parameters, deviation)[1], numeric, atol=2e-6)


def test_loss_is_the_formula() -> None:
    rows = problem(30)
    random = np.random.default_rng(3)
    s, log_scale, intercept, w = random.standard_normal(3), 0.3, -0.2, random.standard_normal(6)
    softmax = np.exp(s) / np.exp(s).sum()
    x = np.exp(log_scale) * sum(softmax[j] * rows.layers[j] for j in range(3))
    equal = rows.layers.mean(axis=0)
    mean = np.average(equal, axis=0, weights=rows.row_weights)
    sigma = np.sqrt(np.average((equal - mean) ** 2, axis=0, weights=rows.row_weights))
    total = 0.0
    for i in range(30):
        y = 1 if rows.positive[i] else -1
        total += rows.row_weights[i] * np.log1p(np.exp(-y * (x[i] @ (w / sigma) + intercept)))
    total += 0.01 / 2 * (w @ w) + (s @ s + log_scale**2) / 60
    found, _ = rows.loss(np.concatenate([s, [log_scale, intercept], w]), rows.deviation())
    assert found == pytest.approx(total, rel=1e-6)


def test_the_layer_that_tells_the_classes_apart_gets_the_weight() -> None:
    mix = problem().fit()
    shares = np.exp(mix.weights) / np.exp(mix.weights).sum()
    assert shares[1] > 0.8
    assert sum(mix.weights) == pytest.approx(0, abs=1e-5)
    assert mix.scale > 1  # a penalty is in the way of large weights, and γ makes up for it


def test_a_mix_that_tells_nothing_stays_equal() -> None:
    rows = problem()
    equal = MixProblem(np.repeat(rows.layers[:1], 3, axis=0), rows.positive, rows.row_weights, 10.0)
    np.testing.assert_allclose(equal.fit().weights, 0, atol=1e-4)


def test_with_the_mix_held_it_is_a_logistic_regression() -> None:
    """scikit-learn's minimum on the standardized equal mix has a zero gradient here too (C = 1 / (n λ))."""
    rows = problem()
    deviation = rows.deviation()
    n = len(rows.positive)
    x = rows.layers.mean(axis=0) / deviation
    theirs = LogisticRegression(C=1 / (n * 0.01), tol=1e-8).fit(x, rows.positive, rows.row_weights * n)
    at = np.concatenate([np.zeros(4), theirs.intercept_, theirs.coef_[0]])
    _, gradient = rows.loss(at, deviation)
    np.testing.assert_allclose(gradient[4:], 0, atol=1e-5)


@pytest.mark.parametrize("n_labels", [2, pytest.param(6, marks=pytest.mark.slow)])
def test_pictures(tmp_path: Path, n_labels: int) -> None:
    random = np.random.default_rng(0)
    panels = [Confusion(name, random.integers(0, 2000, (n_labels, n_labels))) for name in ("ELMo, equal mix", "TF-IDF")]
    confusion_matrices(panels, [f"label {i}" for i in range(n_labels)], tmp_path / "c.png", "A title")
    steps = np.linspace(0, 1, 50)
    roc, pr = np.stack([steps, np.sqrt(steps)], axis=1), np.stack([steps, 1 - steps / 2], axis=1)
    curves([Curve("ELMo", roc, pr, 0.7, 0.8, (0.5, 0.75))], 0.25, tmp_path / "l.png", "A title")
    for name in ("c.png", "l.png"):
        pixels = imread(tmp_path / name)
        assert pixels.shape[0] > 250 and pixels.shape[1] > 500
        assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20
        assert (tmp_path / name).stat().st_size < 200_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": "token"}, "level is 'token', expected 'document'"),
        ({"test_size": 1.0}, "test_size is 1.0, expected a share"),
        ({"folds": 1}, "folds is 1, expected 0"),
        ({"tuning_folds": 1}, "tuning_folds is 1, expected at least 2"),
        ({"seed": -1}, "seed is -1, expected at least 0"),
        ({"regularization": ()}, "regularization is empty"),
        ({"regularization": ("0.1", "x")}, "regularization is '0.1,x', expected numbers"),
        ({"regularization": ("-1",)}, "regularization is '-1', expected numbers"),
        ({"learn_mix": True, "layer": "word_emb"}, "--learn-mix mixes the means of all layers"),
        ({"learn_mix": True, "pooling": "max"}, "--learn-mix mixes the means of all layers"),
        ({"steps": ("stem",)}, "step 'stem' is unknown"),
        ({"max_sentence_tokens": 0}, "max_sentence_tokens is 0"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, object], words: str) -> None:
    with refused(words):
        ClassifyOptions(train="t", label_column="label", output="o", **options)  # type: ignore[arg-type]


def test_a_share_held_out_that_leaves_nothing_to_train_on() -> None:
    assert _held_out(10, ClassifyOptions(train="in", output="out", label_column="y", test_size=0.9)).sum() == 9
    with refused("test_size is 0.95 of 10 labelled rows"):
        _held_out(10, ClassifyOptions(train="in", output="out", label_column="y", test_size=0.95))
