"""Converts token vectors to the rows of a layout: pooled by sentence or by document, or unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from elmo_udf.embedding.layout import Layout

Layers = Mapping[str, np.ndarray]
"""The vectors of the same N tokens in each layer of a layout: float32, shape (N, width)."""


class Pool:
    """Mean or maximum over the tokens of each group. They are added in pieces, so a group may exceed the memory.

    The mean is Σ token / n_tokens in float64. It is weighted by tokens over a document's sentences, and never includes
    padding.
    """

    def __init__(self, n_groups: int, width: int, pooling: str) -> None:
        self._maximum = pooling == "max"
        self._values = np.full((n_groups, width), -np.inf if self._maximum else 0.0)  # (G, D) float64
        self._counts = np.zeros(n_groups, np.int64)  # (G,)

    def add(self, rows: np.ndarray, groups: np.ndarray) -> None:
        """Adds the token vectors ``rows`` (N, D) float32 of the groups ``groups`` (N,) int, which must be ascending."""
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
        """Returns the pooled vectors, (G, D) float32. Every group must have had a token."""
        if self._maximum:
            return self._values.astype(np.float32)
        return (self._values / self._counts[:, None]).astype(np.float32)


class PooledRows:
    """Rows of a layout that are sentences or documents. Only sums and maxima of their tokens are kept."""

    def __init__(self, layout: Layout, lengths: Sequence[int]) -> None:
        """``lengths`` are the numbers of tokens of the rows, none of them 0."""
        self._groups = np.repeat(np.arange(len(lengths)), lengths)  # (N,) the row of each token
        self._done = 0
        self._pools = {
            (pooling, layer): Pool(len(lengths), width, pooling)
            for pooling in layout.poolings
            for layer, width in zip(layout.layers, layout.widths, strict=True)
        }  # in the order of the layout

    def add(self, layers: Layers) -> None:
        """Adds the next tokens in reading order."""
        groups = self._groups[self._done : self._done + len(next(iter(layers.values())))]
        for (_, layer), pool in self._pools.items():
            pool.add(layers[layer], groups)
        self._done += len(groups)

    def result(self, normalize: bool) -> np.ndarray:
        """Returns the rows, (R, row_width) float32. ``normalize`` scales each pooled layer to unit length."""
        pooled = (pool.result() for pool in self._pools.values())
        return _side_by_side([unit_length(rows) if normalize else rows for rows in pooled])


class TokenRows:
    """Rows of a layout that are tokens."""

    def __init__(self, layout: Layout, n_tokens: int) -> None:
        self._layout = layout
        self._rows = np.empty((n_tokens, layout.row_width), np.float32)
        self._done = 0

    def add(self, layers: Layers) -> None:
        """Adds the next tokens in reading order."""
        vectors = _side_by_side([layers[layer] for layer in self._layout.layers])
        self._rows[self._done : self._done + len(vectors)] = vectors
        self._done += len(vectors)

    def result(self, normalize: bool) -> np.ndarray:
        """Returns the rows, (N, row_width) float32. ``normalize`` scales each layer to unit length."""
        if not normalize:
            return self._rows
        layers = np.split(self._rows, np.cumsum(self._layout.widths)[:-1], axis=1)
        return _side_by_side([unit_length(rows) for rows in layers])


def _side_by_side(pieces: list[np.ndarray]) -> np.ndarray:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """Returns rows scaled to Euclidean length 1: (N, D) float32 to (N, D) float32. A zero row stays zero."""
    norms = np.sqrt(np.square(vectors, dtype=np.float64).sum(axis=1, keepdims=True))
    return (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)
