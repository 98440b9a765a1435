"""Several layers and poolings of each text in one pass through the network, and what can be seen in their rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from elmo_udf.embedding.documents import embed_documents
from elmo_udf.embedding.layout import Layout
from elmo_udf.errors import UserError
from elmo_udf.models.options import NetworkOptions
from elmo_udf.network.encoder import OutOfMemory
from elmo_udf.text.tokenizer import Tokenizer
from tests import numpy_elmo
from tests.make_models import random_model

MODEL = random_model(3)
TEXTS = ["The moon rose. It was late , and cold.", "", "Tides!", "A boat. A boat and a net. Nets.", "One more."]
LAYERS = ("word_emb", "lstm_outputs1", "lstm_outputs2", "elmo")
WIDTHS = (8, 16, 16, 16)


class SlowEncoder:
    """The reference in place of the network."""

    options: NetworkOptions = MODEL.options
    n_calls = 0

    def width(self, layer: str) -> int:
        return self.options.width(layer)

    def layers(self, sentences: Sequence[Sequence[str]], names: Sequence[str]) -> dict[str, np.ndarray]:
        self.n_calls += 1
        found = [numpy_elmo.layers(MODEL, list(sentence)) for sentence in sentences]
        return {name: np.concatenate([one[name] for one in found]).astype(np.float32) for name in names}


def tokens_of(text: str, layer: str) -> np.ndarray:
    return np.concatenate([numpy_elmo.layers(MODEL, sentence)[layer] for sentence in Tokenizer()(text).sentences])


@pytest.mark.parametrize(("window_bytes", "calls"), [(1, 7), (600, None), (2**28, 1)])
def test_all_layers_are_pooled_in_one_pass(window_bytes: int, calls: int | None) -> None:
    layout = Layout(LAYERS, WIDTHS, ("mean", "max"))
    encoder = SlowEncoder()
    found = list(embed_documents(TEXTS, encoder, layout, Tokenizer(), window_bytes=window_bytes))
    assert calls is None or encoder.n_calls == calls  # a sentence at a time; a few; all at once
    assert [text.reason for text in found] == [None, "blank_text", None, None, None]
    for text, one in zip(TEXTS, found, strict=True):
        for pooling in ("mean", "max") if one.reason is None else ():
            for layer in LAYERS:
                expected = getattr(tokens_of(text, layer), pooling)(axis=0)
                assert one.vectors.dtype == np.float32
                view = layout.view(layer, pooling).of(one.vectors)[0]
                np.testing.assert_allclose(view, expected, atol=1e-6)


def test_normalized_layers_have_unit_length() -> None:
    layout = Layout(LAYERS, WIDTHS, ("max",))
    (found,) = embed_documents(TEXTS[:1], SlowEncoder(), layout, Tokenizer(), normalize=True)
    for layer in LAYERS:
        assert np.linalg.norm(layout.view(layer, "max").of(found.vectors)) == pytest.approx(1, abs=1e-6)


class FullEncoder(SlowEncoder):
    """A device that has no memory for a boat."""

    def layers(self, sentences: Sequence[Sequence[str]], names: Sequence[str]) -> dict[str, np.ndarray]:
        if any("boat" in sentence for sentence in sentences):
            raise OutOfMemory
        return super().layers(sentences, names)


def test_a_text_that_does_not_fit_into_the_devices_memory_is_refused_alone() -> None:
    layout = Layout(LAYERS, WIDTHS, ("mean",))
    found = list(embed_documents(TEXTS, FullEncoder(), layout, Tokenizer()))
    assert [text.reason for text in found] == [None, "blank_text", None, "too_large", None]
    expected = list(embed_documents(TEXTS, SlowEncoder(), layout, Tokenizer()))
    for i in (0, 2, 4):
        np.testing.assert_allclose(found[i].vectors, expected[i].vectors, atol=1e-6)


def test_a_mix_of_means_is_the_mean_of_mixed_tokens() -> None:
    layout = Layout(("lstm_outputs2", "word_emb", "lstm_outputs1"), (16, 8, 16), ("max", "mean"))
    (found,) = embed_documents(TEXTS[:1], SlowEncoder(), layout, Tokenizer())
    weights = np.array([0.2, 0.5, 0.3])
    tokens = [tokens_of(TEXTS[0], layer) for layer in ("word_emb", "lstm_outputs1", "lstm_outputs2")]
    expected = 0.2 * np.tile(tokens[0], 2) + 0.5 * tokens[1] + 0.3 * tokens[2]
    mixed = layout.mixed("mix", MODEL.options, weights).of(found.vectors)[0]
    np.testing.assert_allclose(mixed, expected.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("window_bytes", [1, 600, 2**28])
def test_sentences_and_tokens_have_rows_of_their_own(window_bytes: int) -> None:
    by_sentence = Layout.of(MODEL.options, LAYERS, ("mean", "max"), "sentence")
    by_token = Layout.of(MODEL.options, LAYERS, level="token")
    assert (by_sentence.widths, by_sentence.row_width, by_token.row_width) == (WIDTHS, 112, 56)
    for text, layout in [(text, layout) for text in (TEXTS[0], TEXTS[3]) for layout in (by_sentence, by_token)]:
        (found,) = embed_documents([text], SlowEncoder(), layout, Tokenizer(), window_bytes=window_bytes)
        for layer in LAYERS:
            sentences = [numpy_elmo.layers(MODEL, sentence)[layer] for sentence in Tokenizer()(text).sentences]
            for pooling in layout.poolings:
                pooled = [getattr(sentence, pooling)(axis=0) for sentence in sentences]
                expected = np.stack(pooled) if layout is by_sentence else np.concatenate(sentences)
                np.testing.assert_allclose(layout.view(layer, pooling).of(found.vectors), expected, atol=1e-6)


def test_unit_length_is_of_every_layer_of_a_token() -> None:
    layout = Layout.of(MODEL.options, LAYERS, level="token")
    (found,) = embed_documents(TEXTS[:1], SlowEncoder(), layout, Tokenizer(), normalize=True)
    for layer in LAYERS:
        expected = tokens_of(TEXTS[0], layer)
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(layout.view(layer, "mean").of(found.vectors), expected, atol=1e-6)


def test_layouts_that_can_not_be() -> None:
    with pytest.raises(UserError, match="layer 'top' is not in the model"):
        Layout.of(MODEL.options, ["elmo", "top"])
    with pytest.raises(ValueError, match="expected one: tokens are not pooled"):
        Layout.of(MODEL.options, ["elmo"], ("mean", "max"), "token")
    assert Layout.of(MODEL.options, ["elmo", "elmo"], ("max", "max")) == Layout(("elmo",), (16,), ("max",))
