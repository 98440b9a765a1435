"""Holds texts in the form that the networks read: ragged arrays, which are padded batch by batch.

It uses only numpy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Example:
    """One text: the rows of its static word vectors, its ELMo vectors if the network uses them, and its label."""

    static_rows: np.ndarray
    """Rows of the matrix of static vectors: int32, shape (T,)."""
    elmo: Sequence[np.ndarray]
    """Arrays of float32, shape (T_i, D), in order, with T tokens in total. Empty for the network on static vectors."""
    label: int


@dataclass(frozen=True)
class Examples:
    """Some texts, and everything that is needed to make batches of them."""

    texts: list[Example]
    static: np.ndarray
    """The static vectors: float32, shape (V, S). Row 0 is for unknown words."""
    elmo_width: int = 0

    @property
    def width(self) -> int:
        """The number of values of a token: those of its static vector and those of ELMo."""
        return int(self.static.shape[1]) + self.elmo_width

    def batch(self, positions: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the batch of some texts: tokens (B, T, width) float32, mask (B, T, 1) and labels (B, 1).

        T is the length of the longest text (at least 1). After the end of a text, tokens and mask are zero.
        """
        texts = [self.texts[position] for position in positions]
        longest = max([1, *(len(text.static_rows) for text in texts)])
        tokens = np.zeros((len(texts), longest, self.width), np.float32)
        mask = np.zeros((len(texts), longest, 1), np.float32)
        for row, text in enumerate(texts):
            n_tokens = len(text.static_rows)
            mask[row, :n_tokens] = 1
            tokens[row, :n_tokens, : self.static.shape[1]] = self.static[text.static_rows]
            start = 0
            for piece in text.elmo:
                tokens[row, start : start + len(piece), self.static.shape[1] :] = piece
                start += len(piece)
        return tokens, mask, np.array([[text.label] for text in texts], np.float32)

    def batches(self, size: int, random: np.random.Generator | None = None) -> Iterator[np.ndarray]:
        """Yields the positions of the texts, ``size`` at a time, in order or in an order that ``random`` gives."""
        order = np.arange(len(self.texts)) if random is None else random.permutation(len(self.texts))
        yield from (order[start : start + size] for start in range(0, len(order), size))

    def n_batches(self, size: int) -> int:
        """Returns the number of batches that :meth:`batches` yields."""
        return -(-len(self.texts) // size)
