"""Determines how much the network reads at once: what fits into memory, and less after memory ran out."""

from __future__ import annotations

from dataclasses import dataclass

from elmo_udf.models.form import NetworkOptions
from elmo_udf.network.weights import GATES

_FLOAT = 4  # bytes; states are float32 whatever the precision of the products
_DIRECTIONS = 2  # at once


@dataclass(frozen=True)
class Budget:
    """The largest numbers of sentences and tokens on the device at one time, at least 1 each."""

    sentences: int
    """Number of sentences that are read side by side. More sentences make larger matrix products."""
    tokens: int
    """Number of tokens that are read before results leave the device (at least one of each sentence)."""

    def halved(self) -> Budget | None:
        """Returns half of both numbers, or None if there is nothing left to halve."""
        if self.sentences == self.tokens == 1:
            return None
        return Budget(max(1, self.sentences // 2), max(1, self.tokens // 2))


LARGEST = Budget(sentences=8192, tokens=65_536)
"""The largest budget of a GPU: as many tokens as ``embed_documents`` passes at once, in sentences of eight tokens."""


def processor_budget(precision: str) -> Budget:
    """Returns the budget of a CPU.

    More sentences would not make its products faster, and more tokens would need more memory for little gain. A word's
    part of the first gates is computed again each time, and is stored in the precision of the products. In bfloat16,
    twice as many tokens were 6% faster and took 0.06 GiB more; in float32 they were not faster and took 0.2 GiB more.
    """
    return Budget(sentences=1024, tokens=8192 if precision == "bfloat16" else 4096)


def gpu_budget(free_bytes: int, network: NetworkOptions) -> Budget:
    """Returns the budget for a GPU with so much free memory, after the weights were loaded.

    Both numbers are powers of 2.

    A quarter of the memory is for states and half for words and results. A quarter stays free, because TensorFlow
    rounds up what it allocates. The budget is at most LARGEST.
    """
    sentences = _at_most(free_bytes // 4 // sentence_bytes(network), LARGEST.sentences)
    return Budget(sentences, _at_most(free_bytes // 2 // token_bytes(network), LARGEST.tokens))


def sentence_bytes(network: NetworkOptions) -> int:
    """Returns the device memory in bytes of a sentence in both directions: its states, and temporary values."""
    states = 2 * network.n_layers * (network.cell_dim + network.projection_dim)  # before the token and after
    computing = (2 * len(GATES) + 4) * network.cell_dim  # gates and their sums, old and new cell, what is projected
    return _DIRECTIONS * _FLOAT * (states + computing + 4 * network.projection_dim)


def token_bytes(network: NetworkOptions) -> int:
    """Returns the device memory in bytes of a token in both directions: its part of the first gates, and outputs."""
    shares = 2 * len(GATES) * network.cell_dim  # in float32, and in the precision of the products
    outputs = 2 * (network.n_layers + 2) * network.projection_dim  # level by level, and as one array
    return _DIRECTIONS * _FLOAT * (shares + outputs)


def _at_most(n: int, most: int) -> int:
    """Returns the largest power of 2 that exceeds neither ``n`` nor ``most``, or 1 if n is 0."""
    return 1 << (max(1, min(n, most)).bit_length() - 1)
