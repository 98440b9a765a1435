"""Texts as the networks read them: ragged arrays, padded batch by batch. Plain numpy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Example:
    """One text: its static word vectors by their rows, ELMo's vectors where the network gets them, and its label."""

    static_rows: np.ndarray
    """(T,) int32, rows of the matrix of static vectors."""
    elmo: Sequence[np.ndarray]
    """Pieces of (T_i, D) float32 with T tokens together, in order; none for the network on static vectors."""
    label: int


@dataclass(frozen=True)
class Examples:
    """Some texts, and what turns them into batches."""

    texts: list[Example]
    static: np.ndarray
    """(V, S) float32: static vectors; row 0 is that of unknown words."""
    elmo_width: int = 0

    @property
    def width(self) -> int:
        """Values a token: static ones, then ELMo's."""
        return int(self.static.shape[1]) + self.elmo_width

    def batch(self, positions: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Tokens (B, T, width) float32, zero after a text's end; mask (B, T, 1), 1 at its tokens; labels (B, 1).

        T is the length of the longest text (at least 1).
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
        """Positions of the texts, ``size`` at a time: in order, or in one that ``random`` gives."""
        order = np.arange(len(self.texts)) if random is None else random.permutation(len(self.texts))
        yield from (order[start : start + size] for start in range(0, len(order), size))

    def n_batches(self, size: int) -> int:
        """How many batches :meth:`batches` gives."""
        return -(-len(self.texts) // size)
