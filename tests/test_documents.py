"""The generator that embeds, on the reference network: order, windows, levels, reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
import pytest

from elmo_udf.embedding import documents as documents_module
from elmo_udf.embedding.documents import EmbeddedDocument
from elmo_udf.embedding.layout import Layout
from elmo_udf.models.form import NetworkOptions
from elmo_udf.network.encoder import OutOfMemory
from elmo_udf.options import ModelOptions
from elmo_udf.text.tokenizer import Tokenizer
from tests import numpy_elmo
from tests.make_models import random_model

MODEL = random_model(7)
TEXTS = [
    "The cat sat. It purred!",
    "Dogs bark, loudly.",
    "x",
    "A much longer text, of one sentence only, is here.",
    "Yes. No. Yes.",
]


class ReferenceEncoder:
    """The numpy network behind the seam that the Spark side uses."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    @property
    def options(self) -> NetworkOptions:
        return MODEL.options

    def width(self, layer: str) -> int:
        return MODEL.width(layer)

    def layers(self, sentences: Sequence[Sequence[str]], names: Sequence[str]) -> dict[str, np.ndarray]:
        self.calls.append(sum(map(len, sentences)))
        each = [numpy_elmo.layers(MODEL, list(sentence)) for sentence in sentences]
        return {name: np.concatenate([layers[name] for layers in each]).astype(np.float32) for name in names}


def embed_documents(
    texts: Iterable[object], encoder: ReferenceEncoder, options: ModelOptions, window_tokens: int = 1000
) -> Iterator[EmbeddedDocument]:
    layout = Layout.of(encoder.options, [options.layer], [options.pooling], options.level)
    tokenizer = Tokenizer(options.tokenizer, options.language, options.max_sentence_tokens)
    return documents_module.embed_documents(texts, encoder, layout, tokenizer, options.normalize, window_tokens)


def embed(texts: Sequence[object], window_tokens: int = 1000, **options: object) -> list[EmbeddedDocument]:
    settings = ModelOptions(**options)  # type: ignore[arg-type]
    return list(embed_documents(texts, ReferenceEncoder(), settings, window_tokens))


def expected_tokens(text: str, layer: str = "elmo") -> list[np.ndarray]:
    """One (n, D) array a sentence, straight from the reference."""
    return [numpy_elmo.layers(MODEL, sentence)[layer] for sentence in Tokenizer()(text).sentences]


@pytest.mark.parametrize("window_tokens", [1, 5, 1000])
@pytest.mark.parametrize("layer", ["elmo", "word_emb", "lstm_outputs2"])
def test_a_document_is_the_mean_over_all_its_tokens(window_tokens: int, layer: str) -> None:
    for text, found in zip(TEXTS, embed(TEXTS, window_tokens, layer=layer), strict=True):
        expected = np.concatenate(expected_tokens(text, layer)).mean(axis=0, keepdims=True)
        np.testing.assert_allclose(found.vectors, expected, atol=1e-5)
        assert found.reason is None


def test_maximum_and_unit_length() -> None:
    for text, found in zip(TEXTS, embed(TEXTS, pooling="max", normalize=True), strict=True):
        expected = np.concatenate(expected_tokens(text)).max(axis=0)
        np.testing.assert_allclose(found.vectors[0], expected / np.linalg.norm(expected), atol=1e-5)


def test_levels_sentence_and_token() -> None:
    for text, by_sentence, by_token in zip(
        TEXTS, embed(TEXTS, level="sentence"), embed(TEXTS, level="token"), strict=True
    ):
        sentences = expected_tokens(text)
        np.testing.assert_allclose(by_sentence.vectors, np.stack([s.mean(axis=0) for s in sentences]), atol=1e-5)
        np.testing.assert_allclose(by_token.vectors, np.concatenate(sentences), atol=1e-5)


def test_rejected_documents_keep_their_places() -> None:
    found = embed(["a b", None, " ", "c", ["", None], ["d", "e"]], window_tokens=2)
    assert [d.reason for d in found] == [None, "null_text", "blank_text", None, "blank_text", None]
    assert [len(d.vectors) for d in found] == [1, 0, 0, 1, 0, 1]


def test_counts_are_about_the_row() -> None:
    text = f"One two. {'x' * 60} three."
    (document,), (sentence,), (token,) = embed([text]), embed([text], level="sentence"), embed([text], level="token")
    assert document.counts("document") == ([6], [2], [1])
    assert sentence.counts("sentence") == ([3, 3], [1, 1], [0, 1])
    assert token.counts("token") == ([1] * 6, [1] * 6, [0, 0, 0, 1, 0, 0])


def test_windows_bound_what_the_network_sees_at_once() -> None:
    encoder = ReferenceEncoder()
    texts = [f"A cat sat. The dog ran. No one saw. We all {did}." for did in "abcdefghij"]
    list(embed_documents(texts, encoder, ModelOptions(), window_tokens=8))
    assert len(encoder.calls) > 10
    assert max(encoder.calls) < 8 + 4  # a window ends with the sentence that fills it


def test_documents_come_out_before_all_have_gone_in() -> None:
    taken = []

    def texts() -> Iterator[str]:
        for i in range(100):
            taken.append(i)
            yield f"One two three {i}."

    documents = embed_documents(texts(), ReferenceEncoder(), ModelOptions(), window_tokens=20)
    next(documents)
    assert len(taken) == 5  # four of five tokens each, and the one that may have been the fourth's text again


def test_equal_texts_in_a_row_are_embedded_once() -> None:
    encoder = ReferenceEncoder()
    texts = ["a b", "a b", "c", None, None, "a b", "c", "c"]
    found = list(embed_documents(texts, encoder, ModelOptions(tokenizer="whitespace")))
    assert [d.repeats for d in found] == [False, True, False, False, False, False, False, True]
    assert sum(encoder.calls) == 2 + 1 + 2 + 1
    assert [d.reason for d in found] == [None, None, None, "null_text", "null_text", None, None, None]
    for text, document in zip(texts, found, strict=True):
        if text is not None:
            expected = numpy_elmo.layers(MODEL, text.split())["elmo"].mean(axis=0)
            np.testing.assert_allclose(document.vectors[0], expected, atol=1e-5)
    tokens = [["a", "b"], ["a", "b"]]
    assert [d.repeats for d in embed_documents(tokens, encoder, ModelOptions())] == [False, False]


def test_too_many_vectors_for_a_row_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_module, "MAX_DOCUMENT_BYTES", MODEL.width("elmo") * 4 * 5)
    found = embed(
        ["a b c d e", "a b c d e f", [["a", "b", "c"], ["d", "e", "f"]]], level="token", tokenizer="whitespace"
    )
    assert [d.reason for d in found] == [None, "too_large", "too_large"]
    assert [d.reason for d in embed([[["a", "b", "c"], ["d", "e", "f"]]])] == [None]


@pytest.mark.parametrize("level", ["document", "sentence"])
def test_a_sentence_beyond_memory_is_refused(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    monkeypatch.setattr(documents_module, "MAX_DOCUMENT_BYTES", MODEL.width("elmo") * 4 * 5)
    found = embed(["a b c d e", "a b c d e f"], level=level, tokenizer="whitespace")
    assert [d.reason for d in found] == [None, "too_large"]
    assert found[1].detail.startswith("6 tokens of")
    assert "split the sentence" in found[1].detail


class FullEncoder(ReferenceEncoder):
    """A device that has no memory for sentences with the token ``huge``."""

    def layers(self, sentences: Sequence[Sequence[str]], names: Sequence[str]) -> dict[str, np.ndarray]:
        if any("huge" in sentence for sentence in sentences):
            raise OutOfMemory
        return super().layers(sentences, names)


@pytest.mark.parametrize("level", ["document", "token"])
def test_what_does_not_fit_into_the_devices_memory_is_refused_alone(level: Literal["document", "token"]) -> None:
    texts = ["One two.", "A huge thing.", None, *TEXTS, "Another, just as huge."]
    options = ModelOptions(level=level)
    found = list(embed_documents(texts, FullEncoder(), options))
    assert [document.reason for document in found] == [None, "too_large", "null_text", *[None] * 5, "too_large"]
    expected = [rows.vectors for rows in embed(["One two.", *TEXTS], level=level)]
    for document, vectors in zip([d for d in found if d.reason is None], expected, strict=True):
        np.testing.assert_allclose(document.vectors, vectors, atol=1e-6)
