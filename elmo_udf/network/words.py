"""Computes the context-free vectors of tokens, once for each distinct token and on as few positions as possible."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from elmo_udf.text.characters import N_POSITIONS, PADDING, character_ids

MAX_POSITIONS = 8192
"""Number of character positions of one batch of tokens. The widest published filter needs 4 KiB for each."""


class WordVectors:
    """A bounded cache of the vectors of the tokens seen so far.

    Texts repeat their words: one of forty tokens is new, out of two million. If the cache is full, it is emptied, which
    costs one more computation of each word that is still in use.
    """

    def __init__(
        self,
        compute: Callable[[np.ndarray], np.ndarray],
        width: int,
        widest_filter: int,
        max_words: int,
        at_once: Callable[[Callable[[Any], None], Iterable[Any]], object],
    ) -> None:
        """Creates an empty cache.

        Args:
            compute: A function from character ids (V, S) int32 to vectors (V, ``width``), for every S that the filters
                fit into.
            at_once: A function that calls a function with each of some items, possibly in several threads.
        """
        self._compute, self._widest_filter, self._at_once = compute, widest_filter, at_once
        self._vectors = np.empty((max_words, width), dtype=np.float32)  # takes memory only where it is written
        self._rows: dict[str, int] = {}
        self.n_computed = 0
        """The number of tokens of texts whose vector was not known."""

    def of_tokens(self, tokens: Sequence[str]) -> np.ndarray:
        """Returns the vectors of distinct ``tokens``: V strings to (V, width) float32."""
        if len(tokens) > len(self._vectors):
            self.n_computed += len(tokens)
            return self.of_ids(character_ids(tokens))
        new = [token for token in tokens if token not in self._rows]
        if len(self._rows) + len(new) > len(self._vectors):
            self._rows, new = {}, list(tokens)
        first, last = len(self._rows), len(self._rows) + len(new)
        self._vectors[first:last] = self.of_ids(character_ids(new))
        self.n_computed += len(new)
        self._rows.update(zip(new, range(first, last), strict=True))
        return self._vectors[[self._rows[token] for token in tokens]]

    def of_ids(self, ids: np.ndarray) -> np.ndarray:
        """Returns the vectors of tokens given by their character ids: (V, 50) int32 to (V, width) float32."""
        vectors = np.empty((len(ids), self._vectors.shape[1]), dtype=np.float32)
        n_positions = needed_positions(ids, self._widest_filter)

        def fill(rows: np.ndarray) -> None:
            vectors[rows] = self._compute(ids[rows, : n_positions[rows[-1]]])

        self._at_once(fill, _batches(n_positions))
        return vectors


def needed_positions(ids: np.ndarray, widest_filter: int) -> np.ndarray:
    """Returns how many of its 50 positions determine a token's vector: (V, 50) int32 to (V,) int64.

    The maximum over windows needs only one of the windows that see nothing but padding: the one that starts right after
    the end-of-word mark.
    """
    needed: np.ndarray = np.minimum((ids != PADDING).sum(axis=1) + widest_filter, N_POSITIONS)
    return needed


def _batches(n_positions: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the rows of tokens of similar length, shortest first, with at most MAX_POSITIONS positions at a time."""
    order = np.argsort(n_positions, kind="stable")
    start = 0
    while start < len(order):
        # A batch is as wide as its last token; the first whose width times rank is too much begins the next one.
        cost = n_positions[order[start:]] * np.arange(1, len(order) - start + 1)
        n = max(1, int(np.searchsorted(cost, MAX_POSITIONS, side="right")))
        yield order[start : start + n]
        start += n
