"""The sentences of a text, cut into batches for the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np


@dataclass(frozen=True)
class Batch:
    """Sentences that the network reads together: n tokens, V of them distinct."""

    vocabulary: list[str]
    """The V distinct tokens."""
    ids: np.ndarray
    """(n,) int64: index of each token in the vocabulary, sentence after sentence."""
    lengths: np.ndarray
    """(n_sentences,) int64: number of tokens of each sentence."""
    positions: np.ndarray
    """(n,) int64: index of each token in the whole text."""


def batches(sentences: Sequence[Sequence[str]], max_tokens: int) -> Iterator[Batch]:
    """All sentences, in batches of sentences of about equal length and of at most ``max_tokens`` tokens.

    The longest come first, so that a text that does not fit into memory fails early; sentences of a length come in
    the order of their words, because those that begin alike share work within a batch. A repeated sentence costs no
    more work and is not counted. A sentence longer than ``max_tokens`` is a batch of its own.
    """
    lengths = np.fromiter(map(len, sentences), dtype=np.int64, count=len(sentences))
    starts = np.cumsum(lengths) - lengths
    order = sorted(range(len(sentences)), key=lambda s: (len(sentences[s]), *sentences[s]), reverse=True)
    batch: list[int] = []
    n_tokens = 0
    for s in order:
        cost = 0 if batch and sentences[s] == sentences[batch[-1]] else len(sentences[s])
        if batch and n_tokens + cost > max_tokens:
            yield _batch(sentences, batch, starts[batch], lengths[batch])
            batch, n_tokens, cost = [], 0, len(sentences[s])
        batch.append(s)
        n_tokens += cost
    if batch:
        yield _batch(sentences, batch, starts[batch], lengths[batch])


def _batch(sentences: Sequence[Sequence[str]], batch: list[int], starts: np.ndarray, lengths: np.ndarray) -> Batch:
    """The sentences with the indices ``batch``, which start at ``starts`` in the text."""
    vocabulary: dict[str, int] = {}
    ids = [vocabulary.setdefault(token, len(vocabulary)) for token in chain.from_iterable(sentences[s] for s in batch)]
    offsets = starts - (np.cumsum(lengths) - lengths)  # from the place of a sentence in the batch to that in the text
    positions = np.arange(len(ids)) + np.repeat(offsets, lengths)
    return Batch(list(vocabulary), np.array(ids, dtype=np.int64), lengths, positions)
