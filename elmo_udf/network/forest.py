"""Which states a direction has to compute, and in which order.

A state depends on the tokens read so far and on nothing else, so sentences that begin alike share their first
states: the states of a batch are the nodes of a forest. Level t holds the states after t + 1 tokens; a node knows its
token and its parent, the state before. A sentence that has ended has no node: padding is never computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Levels:
    """N nodes in T consecutive levels of one direction's forest, level after level."""

    tokens: np.ndarray
    """(N,) int32: index of each node's token in the vocabulary."""
    parents: np.ndarray
    """(N,) int32: row of each node's parent in the level before; 0 in the forest's first level."""
    sizes: np.ndarray
    """(T,) int32: number of nodes of each level."""
    positions: np.ndarray
    """(M,) int64: indices of the batch's tokens after which these nodes are the state, M ≥ N."""
    nodes: np.ndarray
    """(M,) int64: the node, 0 .. N - 1, of each of these tokens."""


def plant(
    ids: np.ndarray, lengths: np.ndarray, max_nodes: int, *, backward: bool, share: bool = True
) -> Iterator[Levels]:
    """The forest of sentences, given one after the other and read from their ends if ``backward``.

    ``ids``: (n,) token indices; ``lengths``: (n_sentences,) tokens of each sentence, their sum n. It comes in parts
    of as many levels as ``max_nodes`` allows, at least one. With ``share`` off every token has a node of its own.
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
    """For each level: tokens (n,), parents (n,), positions (m,) and nodes (m,) in 0 .. n - 1, all int64."""
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
