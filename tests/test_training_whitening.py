"""Whitened word vectors leave the language model as it was."""

from __future__ import annotations

import numpy as np

from elmo_udf.models import Model
from elmo_udf.training.whitening import running_text, whitened, whitening
from tests import numpy_elmo
from tests.make_models import random_model

TEXT = [["a", "word", "in", "its", "sentence", "."], ["Another", "one", "."], ["x"]] + [
    [f"t{i}", f"u{i % 7}"] for i in range(60)
]


def test_lstm_layers_stay_and_word_vectors_are_white() -> None:
    model = random_model(3, cell_clip=3.0, projection_clip=3.0)
    before = running_text(TEXT, model)
    after = whitened(model, before)
    assert isinstance(after, Model) and after.fingerprint() != model.fingerprint()
    for sentence in TEXT[:4]:
        old, new = numpy_elmo.layers(model, sentence), numpy_elmo.layers(after, sentence)
        for layer in ("lstm_outputs1", "lstm_outputs2"):
            np.testing.assert_allclose(new[layer], old[layer], atol=1e-5)
        assert np.abs(new["word_emb"] - old["word_emb"]).max() > 0.01
    vectors = running_text(TEXT, after)
    np.testing.assert_allclose(vectors.mean(axis=0), 0, atol=1e-4)
    covariance = np.cov(vectors.T, bias=True)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-3
    assert np.median(np.diag(covariance)) > 0.9 and np.diag(covariance).max() < 1.001


def test_whitening_is_that_of_the_definition() -> None:
    random = np.random.default_rng(1)
    vectors = random.normal(size=(5000, 4)) @ random.normal(size=(4, 4)) + 3
    mean, change = whitening(vectors.astype(np.float32))
    np.testing.assert_allclose(np.cov(((vectors - mean) @ change).T), np.eye(4), atol=0.05)
