"""Determines which states a direction has to compute, and in which order.

A state depends only on the tokens read so far, so sentences that begin alike share their first states. The states of a
batch are the nodes of a forest. Level t contains the states after t + 1 tokens. A node knows its token and its parent,
which is the state before it. After the end of a sentence there are no more nodes, so padding is never computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Levels:
    """N nodes in T consecutive levels of the forest of one direction, level after level."""

    tokens: np.ndarray
    """The index of each node's token in the vocabulary: int32, shape (N,)."""
    parents: np.ndarray
    """The row of each node's parent in the level before, or 0 in the first level: int32, shape (N,)."""
    sizes: np.ndarray
    """The number of nodes of each level: int32, shape (T,)."""
    positions: np.ndarray
    """The indices of the batch's tokens after which these nodes are the state: int64, shape (M,), with M ≥ N."""
    nodes: np.ndarray
    """The node, 0 to N - 1, of each of these tokens: int64, shape (M,)."""


def plant(
    ids: np.ndarray, lengths: np.ndarray, max_nodes: int, *, backward: bool, share: bool = True
) -> Iterator[Levels]:
    """Yields the forest of sentences, in parts of as many levels as ``max_nodes`` allows, but at least one.

    Args:
        ids: Token indices of the sentences, one after the other, shape (n,).
        lengths: Number of tokens of each sentence, shape (n_sentences,); their sum is n.
        backward: Whether the sentences are read from their ends.
        share: Whether equal states share a node. Otherwise every token has its own.
    """
    part: list[tuple[np.ndarray, ...]] = []
    n_nodes = 0
    for level in _levels(ids, lengths, backward, share):
        if part and n_nodes + len(level[0]) > max_nodes:
            yield _join(part)
            part, n_nodes = [], 0
        part.append(level)
        n_nodes += len(level[0])
    if part:
        yield _join(part)


def _levels(ids: np.ndarray, lengths: np.ndarray, backward: bool, share: bool) -> Iterator[tuple[np.ndarray, ...]]:
    """Yields the tokens (n,), parents (n,), positions (m,) and nodes (m,), 0 to n - 1, of each level, as int64."""
    lasts = np.cumsum(lengths) - 1
    longest_first = np.argsort(-lengths, kind="stable")  # so the sentences alive at level t are the first ones
    first = (lasts if backward else lasts - lengths + 1)[longest_first]
    n_alive = np.cumsum(np.bincount(lengths, minlength=1)[::-1])[::-1][1:]  # (T,) sentences longer than 0, 1, ...
    n_ids = int(ids.max(initial=0)) + 1
    nodes = np.zeros(len(lengths), dtype=np.int64)  # of each sentence in the level before
    for t, n in enumerate(n_alive):
        positions = first[:n] + (-t if backward else t)
        states = nodes[:n] * n_ids + ids[positions]  # equal where equal tokens follow equal beginnings
        states, nodes = np.unique(states, return_inverse=True) if share else (states, np.arange(n))
        yield states % n_ids, states // n_ids, positions, nodes


def _join(levels: list[tuple[np.ndarray, ...]]) -> Levels:
    tokens, parents, positions, nodes = zip(*levels, strict=True)
    sizes = np.array([len(level) for level in tokens])
    firsts = np.cumsum(sizes) - sizes
    return Levels(
        tokens=np.concatenate(tokens).astype(np.int32),
        parents=np.concatenate(parents).astype(np.int32),
        sizes=sizes.astype(np.int32),
        positions=np.concatenate(positions),
        nodes=np.concatenate([level + first for level, first in zip(nodes, firsts, strict=True)]),
    )
