"""How much the network reads at once: what fits into a GPU's memory, and less after memory ran out."""

from __future__ import annotations

from dataclasses import dataclass

from elmo_udf.models.form import NetworkOptions
from elmo_udf.network.weights import GATES

_FLOAT = 4  # bytes; states are float32 whatever the precision of the products
_DIRECTIONS = 2  # at once


@dataclass(frozen=True)
class Budget:
    """The most that is on the device at one time; at least 1 each."""

    sentences: int
    """Read side by side: more make larger products."""
    tokens: int
    """Read before results leave the device (one of each sentence at least)."""

    def halved(self) -> Budget | None:
        """Half of both, or None where nothing is left to halve."""
        if self.sentences == self.tokens == 1:
            return None
        return Budget(max(1, self.sentences // 2), max(1, self.tokens // 2))


LARGEST = Budget(sentences=8192, tokens=65_536)
"""Of a GPU: as many tokens as callers hand over at once (``embed_documents``), in sentences of eight tokens."""


def processor_budget(precision: str) -> Budget:
    """Of a CPU: with more sentences products are no faster; with more tokens memory grows for little.

    A word's share in the first gates is computed anew for every so many tokens, and kept in the precision of the
    products. In bfloat16 twice the tokens were 6 % faster, for 0.06 GiB; in float32 no faster, for 0.2.
    """
    return Budget(sentences=1024, tokens=8192 if precision == "bfloat16" else 4096)


def gpu_budget(free_bytes: int, network: NetworkOptions) -> Budget:
    """What fits into so much memory with the weights in it already, at most LARGEST; both are powers of 2.

    A quarter goes to states, half to words and results, and a quarter stays free: TensorFlow rounds what it allocates.
    """
    sentences = _at_most(free_bytes // 4 // sentence_bytes(network), LARGEST.sentences)
    return Budget(sentences, _at_most(free_bytes // 2 // token_bytes(network), LARGEST.tokens))


def sentence_bytes(network: NetworkOptions) -> int:
    """Device memory of a sentence that is read, both directions: its states, and what computes the next."""
    states = 2 * network.n_layers * (network.cell_dim + network.projection_dim)  # before the token and after
    computing = (2 * len(GATES) + 4) * network.cell_dim  # gates and their sums, old and new cell, what is projected
    return _DIRECTIONS * _FLOAT * (states + computing + 4 * network.projection_dim)


def token_bytes(network: NetworkOptions) -> int:
    """Device memory of a token before its results leave it, both directions: its share in the first gates, outputs."""
    shares = 2 * len(GATES) * network.cell_dim  # in float32, and in the precision of the products
    outputs = 2 * (network.n_layers + 2) * network.projection_dim  # level by level, and as one array
    return _DIRECTIONS * _FLOAT * (shares + outputs)


def _at_most(n: int, most: int) -> int:
    """The largest power of 2 that is neither above ``n`` nor above ``most``; 1 where n is 0."""
    return 1 << (max(1, min(n, most)).bit_length() - 1)
