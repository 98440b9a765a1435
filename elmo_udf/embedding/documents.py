"""The generator that embeds: documents in, vectors out in the same order, in windows of many documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from elmo_udf.embedding.pooling import Pool, unit_length
from elmo_udf.embedding.windows import NOT_EVEN_ONE, WINDOW_TOKENS, chunks, that_fit
from elmo_udf.network.encoder import Encoder
from elmo_udf.options import ModelOptions
from elmo_udf.text.characters import is_truncated
from elmo_udf.text.tokenizer import TokenizedDocument, Tokenizer

MAX_DOCUMENT_BYTES = 2**30
"""Most bytes of vectors a document may have; Spark's rows and Arrow's batches end at 2 GiB."""


@dataclass(frozen=True)
class EmbeddedDocument:
    """The rows that one document puts into a table (none where it is rejected)."""

    vectors: np.ndarray
    """(R, D) float32: R is 1 at level document, the number of sentences or of tokens at the other levels."""
    tokenized: TokenizedDocument
    reason: str | None = None
    """Why there is no vector: one of the reasons of the rejects table."""
    detail: str = ""
    repeats: bool = False
    """Whether the text is that of the document before, and nothing was computed."""

    def counts(self, level: str) -> tuple[list[int], list[int], list[int]]:
        """n_tokens, n_sentences and n_truncated of each row, each about the row's own unit."""
        sentences = self.tokenized.sentences
        truncated = [[is_truncated(token) for token in sentence] for sentence in sentences]
        if level == "document":
            return [self.tokenized.n_tokens], [len(sentences)], [sum(map(sum, truncated))]
        if level == "sentence":
            return [len(s) for s in sentences], [1] * len(sentences), [sum(t) for t in truncated]
        flat = [int(t) for sentence in truncated for t in sentence]
        return [1] * len(flat), [1] * len(flat), flat


def embed_documents(
    documents: Iterable[Any], encoder: Encoder, options: ModelOptions, window_tokens: int = WINDOW_TOKENS
) -> Iterator[EmbeddedDocument]:
    """Embed texts (or tokens, see Tokenizer) in order. None, and a text without a token, come back with a reason.

    A text that comes several times in a row is embedded once.
    """
    tokenizer = Tokenizer(options.tokenizer, options.language, options.max_sentence_tokens)
    window: list[TokenizedDocument | None] = []
    repeats: list[int] = []
    n_tokens = 0

    def embedded() -> Iterator[EmbeddedDocument]:
        for document, n in zip(_embed_window(window, encoder, options, window_tokens), repeats, strict=True):
            yield document
            again = replace(document, repeats=True)
            yield from (again for _ in range(n - 1))

    for document, n in _runs(documents):
        tokenized = None if document is None else tokenizer(document)
        window.append(tokenized)
        repeats.append(n)
        n_tokens += tokenized.n_tokens if tokenized else 0
        if n_tokens >= window_tokens or len(window) >= window_tokens:
            yield from embedded()
            window, repeats, n_tokens = [], [], 0
    yield from embedded()


def _runs(documents: Iterable[Any]) -> Iterator[tuple[Any, int]]:
    """Each document, and how many times it comes before another does; lists of tokens are not compared."""
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
    window: list[TokenizedDocument | None], encoder: Encoder, options: ModelOptions, window_tokens: int
) -> Iterator[EmbeddedDocument]:
    width = encoder.width(options.layer)
    refused = [_refusal(document, width, options.level) for document in window]
    kept = [document for document, refusal in zip(window, refused, strict=True) if document and not refusal]
    vectors = iter(that_fit(kept, lambda some: _vectors(some, encoder, options, window_tokens)))
    for document, refusal in zip(window, refused, strict=True):
        if refusal or document is None:
            nothing = np.empty((0, width), np.float32)
            reason, detail = refusal
            yield EmbeddedDocument(nothing, document or TokenizedDocument([]), reason, detail)
            continue
        rows = next(vectors)
        if rows is None:
            yield EmbeddedDocument(np.empty((0, width), np.float32), document, "too_large", NOT_EVEN_ONE)
        elif np.isfinite(rows).all():
            yield EmbeddedDocument(rows, document)
        else:
            yield EmbeddedDocument(rows[:0], document, "non_finite_vector", "the network's output is not finite")


def _refusal(document: TokenizedDocument | None, width: int, level: str) -> tuple[str, ...]:
    """Reason and detail, or nothing."""
    if document is None:
        return "null_text", "the text is NULL"
    if not document.sentences:
        return "blank_text", "the text has no token"
    n_rows = {"document": 1, "sentence": len(document.sentences), "token": document.n_tokens}[level]
    if n_rows * width * 4 > MAX_DOCUMENT_BYTES:
        return "too_large", f"{n_rows} vectors of {width} values at level {level} exceed {MAX_DOCUMENT_BYTES} bytes"
    longest = max(map(len, document.sentences))
    if longest * width * 4 > MAX_DOCUMENT_BYTES:  # the network takes a sentence as a whole
        return "too_large", (
            f"{longest} tokens of {width} values in one sentence exceed {MAX_DOCUMENT_BYTES} bytes; "
            "split the sentence, or use the tokenizer words, which cuts it"
        )
    return ()


def _vectors(
    documents: list[TokenizedDocument], encoder: Encoder, options: ModelOptions, window_tokens: int
) -> Iterator[np.ndarray]:
    """Rows (R, D) of each document."""
    sentences = [sentence for document in documents for sentence in document.sentences]
    if not sentences:
        return
    lengths = np.array([len(sentence) for sentence in sentences])
    documents_of_sentences = np.repeat(np.arange(len(documents)), [len(d.sentences) for d in documents])
    if options.level == "token":
        rows_of_documents = np.array([document.n_tokens for document in documents])
        pieces = [encoder.layers(chunk, [options.layer])[options.layer] for chunk in chunks(sentences, window_tokens)]
        rows = np.concatenate(pieces)
    else:
        if options.level == "document":
            groups, rows_of_documents = documents_of_sentences, np.ones(len(documents), np.int64)
        else:
            groups, rows_of_documents = np.arange(len(sentences)), np.bincount(documents_of_sentences)
        pool = Pool(int(groups[-1]) + 1, encoder.width(options.layer), options.pooling)
        token_groups, done = np.repeat(groups, lengths), 0
        for chunk in chunks(sentences, window_tokens):
            token_rows = encoder.layers(chunk, [options.layer])[options.layer]  # (N, D)
            pool.add(token_rows, token_groups[done : done + len(token_rows)])
            done += len(token_rows)
        rows = pool.result()
    if options.normalize:
        rows = unit_length(rows)
    yield from np.split(rows, np.cumsum(rows_of_documents)[:-1])
