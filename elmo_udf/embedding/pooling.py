"""Token vectors to one vector a group (a sentence or a document)."""

from __future__ import annotations

import numpy as np


class Pool:
    """Mean or maximum over the tokens of each group, fed in pieces so that a group may exceed memory.

    The mean is Σ token / n_tokens in float64: token-weighted over a document's sentences, and never over padding.
    """

    def __init__(self, n_groups: int, width: int, pooling: str) -> None:
        self._maximum = pooling == "max"
        self._values = np.full((n_groups, width), -np.inf if self._maximum else 0.0)  # (G, D) float64
        self._counts = np.zeros(n_groups, np.int64)  # (G,)

    def add(self, rows: np.ndarray, groups: np.ndarray) -> None:
        """Add token vectors ``rows`` (N, D) float32 of the groups ``groups`` (N,) int, which must be ascending."""
        if not len(rows):
            return
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        lengths = np.diff(starts, append=len(groups))
        for group, start, length in zip(groups[starts], starts, lengths, strict=True):
            part = rows[start : start + length]  # one at a time: reduceat over all takes some twenty times as long
            if self._maximum:
                np.maximum(self._values[group], part.max(axis=0), out=self._values[group])
            else:
                self._values[group] += part.sum(axis=0, dtype=np.float64)
        self._counts[groups[starts]] += lengths

    def result(self) -> np.ndarray:
        """The pooled vectors, (G, D) float32. Every group must have had a token."""
        if self._maximum:
            return self._values.astype(np.float32)
        return (self._values / self._counts[:, None]).astype(np.float32)


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to Euclidean length 1; (N, D) float32 -> (N, D) float32. A zero row stays zero."""
    norms = np.sqrt(np.square(vectors, dtype=np.float64).sum(axis=1, keepdims=True))
    return (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)
