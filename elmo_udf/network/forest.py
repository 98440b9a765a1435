"""Which states a direction has to compute, and in which order.

A state depends on the tokens read so far and on nothing else, so sentences that begin alike share their first
states: the states of a batch are the nodes of a forest. Level t holds the states after t + 1 tokens; a node knows its
token and its parent, the state before. A sentence that has ended has no node: padding is never computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Forest:
    """States of one direction over a batch of n tokens, level after level: N ≤ n nodes in T levels."""

    tokens: np.ndarray
    """(N,) int32: index of each node's token in the vocabulary."""
    parents: np.ndarray
    """(N,) int32: row of each node's parent in the level before; 0, the boundary's state, in the first level."""
    sizes: np.ndarray
    """(T,) int32: number of nodes of each level."""
    nodes: np.ndarray
    """(n,) int64: the node that is the state after reading each token of the batch."""


def plant(ids: np.ndarray, lengths: np.ndarray, *, backward: bool, share: bool = True) -> Forest:
    """The forest of sentences, given one after the other and read from their ends if ``backward``.

    ``ids``: (n,) token indices; ``lengths``: (n_sentences,) tokens of each sentence, their sum n.
    With ``share`` off every token has a node of its own.
    """
    lasts = np.cumsum(lengths) - 1
    longest_first = np.argsort(-lengths, kind="stable")  # so the sentences alive at level t are the first ones
    first = (lasts if backward else lasts - lengths + 1)[longest_first]
    step = -1 if backward else 1
    n_alive = np.cumsum(np.bincount(lengths, minlength=1)[::-1])[::-1][1:]  # (T,) sentences longer than 0, 1, ...
    n_ids = int(ids.max(initial=0)) + 1
    nodes = np.empty(len(ids), dtype=np.int64)
    tokens, parents, sizes = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)], []
    row = np.zeros(len(lengths), dtype=np.int64)  # of each sentence's state in the level before
    n_nodes = 0
    for t, n in enumerate(n_alive):
        positions = first[:n] + step * t
        state = row[:n] * n_ids + ids[positions]  # equal where equal tokens follow equal beginnings
        state, row = np.unique(state, return_inverse=True) if share else (state, np.arange(n))
        tokens.append((state % n_ids).astype(np.int32))
        parents.append((state // n_ids).astype(np.int32))
        sizes.append(len(state))
        nodes[positions] = n_nodes + row
        n_nodes += len(state)
    return Forest(np.concatenate(tokens), np.concatenate(parents), np.array(sizes, dtype=np.int32), nodes)
