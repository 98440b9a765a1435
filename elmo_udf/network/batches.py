"""Divides the sentences of a text into batches for the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np


@dataclass(frozen=True)
class Batch:
    """Sentences that the network reads side by side. They have n tokens, V of which are distinct."""

    vocabulary: list[str]
    """The V distinct tokens."""
    ids: np.ndarray
    """The index of each token in the vocabulary, sentence after sentence: int64, shape (n,)."""
    lengths: np.ndarray
    """The number of tokens of each sentence: int64, shape (n_sentences,)."""
    positions: np.ndarray
    """The index of each token in the whole text: int64, shape (n,)."""


def batches(sentences: Sequence[Sequence[str]], max_sentences: int) -> Iterator[Batch]:
    """Yields all sentences, in batches of at most ``max_sentences`` distinct ones of similar length.

    Sentences of equal length are sorted by their words, because sentences that begin alike share work within a batch. A
    repeated sentence costs no work and is not counted. The longest sentences come first, so that a batch that does not
    fit into memory fails early.
    """
    keys = [(len(sentence), *sentence) for sentence in sentences]
    lengths = np.fromiter(map(len, sentences), dtype=np.int64, count=len(sentences))
    starts = np.cumsum(lengths) - lengths
    batch: list[int] = []
    n_distinct = 0
    for s in sorted(range(len(sentences)), key=keys.__getitem__, reverse=True):
        is_new = not batch or keys[s] != keys[batch[-1]]
        if is_new and n_distinct == max_sentences:
            yield _batch(sentences, batch, starts[batch], lengths[batch])
            batch, n_distinct = [], 0
        batch.append(s)
        n_distinct += is_new
    if batch:
        yield _batch(sentences, batch, starts[batch], lengths[batch])


def _batch(sentences: Sequence[Sequence[str]], batch: list[int], starts: np.ndarray, lengths: np.ndarray) -> Batch:
    """Returns the batch of the sentences with the indices ``batch``, which start at ``starts`` in the text."""
    vocabulary: dict[str, int] = {}
    ids = [vocabulary.setdefault(token, len(vocabulary)) for token in chain.from_iterable(sentences[s] for s in batch)]
    offsets = starts - (np.cumsum(lengths) - lengths)  # from the place of a sentence in the batch to that in the text
    positions = np.arange(len(ids)) + np.repeat(offsets, lengths)
    return Batch(list(vocabulary), np.array(ids, dtype=np.int64), lengths, positions)
