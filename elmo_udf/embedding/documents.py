"""Embeds texts, in windows of many texts. A generator yields rows of pooled layers in the same order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from elmo_udf.embedding.layout import Layout
from elmo_udf.embedding.pooling import PooledRows, TokenRows
from elmo_udf.embedding.windows import NOT_EVEN_ONE, WINDOW_BYTES, WINDOW_TOKENS, chunks, that_fit
from elmo_udf.network.encoder import Encoder
from elmo_udf.text.characters import is_truncated
from elmo_udf.text.tokenizer import TokenizedDocument, Tokenizer

MAX_DOCUMENT_BYTES = 2**30
"""Largest size of a document's vectors in bytes. Spark's rows and Arrow's batches are limited to 2 GiB."""


@dataclass(frozen=True)
class EmbeddedDocument:
    """The rows that one document adds to a table. There are none if it is rejected."""

    vectors: np.ndarray
    """The rows of the layout: float32, shape (R, W).

    R is 1 at level document, else the number of sentences or tokens.
    """
    tokenized: TokenizedDocument
    reason: str | None = None
    """The reason why there is no vector, as in the rejects table."""
    detail: str = ""
    repeats: bool = False
    """Whether the text equals that of the document before, so that nothing was computed."""

    def counts(self, level: str) -> tuple[list[int], list[int], list[int]]:
        """Returns n_tokens, n_sentences and n_truncated of each row, each for the row's own unit."""
        sentences = self.tokenized.sentences
        truncated = [[is_truncated(token) for token in sentence] for sentence in sentences]
        if level == "document":
            return [self.tokenized.n_tokens], [len(sentences)], [sum(map(sum, truncated))]
        if level == "sentence":
            return [len(s) for s in sentences], [1] * len(sentences), [sum(t) for t in truncated]
        flat = [int(t) for sentence in truncated for t in sentence]
        return [1] * len(flat), [1] * len(flat), flat


def embed_documents(
    documents: Iterable[Any],
    encoder: Encoder,
    layout: Layout,
    tokenizer: Tokenizer,
    normalize: bool = False,
    window_tokens: int = WINDOW_TOKENS,
    window_bytes: int = WINDOW_BYTES,
) -> Iterator[EmbeddedDocument]:
    """Yields the embedded texts (or tokens, see Tokenizer) in order. The network reads each text once for any layout.

    None, and a text without a token, come back with a reason. A text that occurs several times in a row is embedded
    once. ``normalize`` scales each pooled layer to unit length. The network gets texts of about ``window_tokens``
    tokens together, but fewer if the vectors of these tokens in all layers would take more than ``window_bytes``.
    """
    most = max(1, min(window_tokens, window_bytes // (4 * layout.token_width)))
    window: list[TokenizedDocument | None] = []
    repeats: list[int] = []
    n_tokens = 0

    def embedded() -> Iterator[EmbeddedDocument]:
        for document, n in zip(_embed_window(window, encoder, layout, normalize, most), repeats, strict=True):
            yield document
            again = replace(document, repeats=True)
            yield from (again for _ in range(n - 1))

    for document, n in _runs(documents):
        tokenized = None if document is None else tokenizer(document)
        window.append(tokenized)
        repeats.append(n)
        n_tokens += tokenized.n_tokens if tokenized else 0
        if n_tokens >= most or len(window) >= most:
            yield from embedded()
            window, repeats, n_tokens = [], [], 0
    yield from embedded()


def _runs(documents: Iterable[Any]) -> Iterator[tuple[Any, int]]:
    """Yields each document and the number of its consecutive repetitions. Lists of tokens are not compared."""
    last: Any = None
    n = 0
    for document in documents:
        if n and isinstance(document, str) and document == last:
            n += 1
            continue
        if n:
            yield last, n
        last, n = document, 1
    if n:
        yield last, n


def _embed_window(
    window: list[TokenizedDocument | None], encoder: Encoder, layout: Layout, normalize: bool, most: int
) -> Iterator[EmbeddedDocument]:
    refused = [_refusal(document, layout) for document in window]
    kept = [document for document, refusal in zip(window, refused, strict=True) if document and not refusal]
    vectors = iter(that_fit(kept, lambda some: _vectors(some, encoder, layout, normalize, most)))
    nothing = np.empty((0, layout.row_width), np.float32)
    for document, refusal in zip(window, refused, strict=True):
        if refusal or document is None:
            reason, detail = refusal
            yield EmbeddedDocument(nothing, document or TokenizedDocument([]), reason, detail)
            continue
        rows = next(vectors)
        if rows is None:
            yield EmbeddedDocument(nothing, document, "too_large", NOT_EVEN_ONE)
        elif np.isfinite(rows).all():
            yield EmbeddedDocument(rows, document)
        else:
            yield EmbeddedDocument(nothing, document, "non_finite_vector", "the network's output is not finite")


def _refusal(document: TokenizedDocument | None, layout: Layout) -> tuple[str, ...]:
    """Returns a reason and a detail, or nothing."""
    if document is None:
        return "null_text", "the text is NULL"
    if not document.sentences:
        return "blank_text", "the text has no token"
    width, level = layout.row_width, layout.level
    n_rows = {"document": 1, "sentence": len(document.sentences), "token": document.n_tokens}[level]
    if n_rows * width * 4 > MAX_DOCUMENT_BYTES:
        return "too_large", f"{n_rows} vectors of {width} values at level {level} exceed {MAX_DOCUMENT_BYTES} bytes"
    width, longest = layout.token_width, max(map(len, document.sentences))
    if longest * width * 4 > MAX_DOCUMENT_BYTES:  # the network takes a sentence as a whole
        return "too_large", (
            f"{longest} tokens of {width} values in one sentence exceed {MAX_DOCUMENT_BYTES} bytes; "
            "split the sentence, or use the tokenizer words, which cuts it"
        )
    return ()


def _vectors(
    documents: list[TokenizedDocument], encoder: Encoder, layout: Layout, normalize: bool, most: int
) -> list[np.ndarray]:
    """Returns the rows (R, W) float32 of each document. Tokens are pooled in chunks; only level token keeps them."""
    sentences = [sentence for document in documents for sentence in document.sentences]
    rows: TokenRows | PooledRows
    if layout.level == "token":
        n_rows = [document.n_tokens for document in documents]
        rows = TokenRows(layout, sum(n_rows))
    elif layout.level == "sentence":
        n_rows = [len(document.sentences) for document in documents]
        rows = PooledRows(layout, [len(sentence) for sentence in sentences])
    else:
        n_rows = [1] * len(documents)
        rows = PooledRows(layout, [document.n_tokens for document in documents])
    for chunk in chunks(sentences, most):
        rows.add(encoder.layers(chunk, layout.layers))
    return np.split(rows.result(normalize), np.cumsum(n_rows)[:-1])
