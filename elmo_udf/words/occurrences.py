"""Holds the occurrences of one word: their positions, their sentences and their vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from elmo_udf.text.context import in_context

PLACE = ("id", "sentence_index", "token_index")
LABEL = "_label"
"""Column with the known sense. No column of a user has this name."""


@dataclass(frozen=True)
class Occurrences:
    """The occurrences of a word, sorted by position.

    Attributes:
        rows: Columns of PLACE, ``token`` and, if senses are known, LABEL (string, or NULL if a sense is unknown).
        unit: The vectors, scaled to unit length, (n, D) float64.
        sentences: The tokens of the sentence of each occurrence.
    """

    rows: pa.Table
    unit: np.ndarray
    sentences: list[list[str]]

    def __len__(self) -> int:
        return len(self.unit)

    @property
    def senses(self) -> list[str | None] | None:
        """The known sense of each occurrence, or None if the table has no column of senses."""
        known: list[str | None] | None = self.rows[LABEL].to_pylist() if LABEL in self.rows.column_names else None
        return known

    def context(self, i: int) -> str:
        """Returns occurrence ``i`` with the words around it."""
        return in_context(self.sentences[i], self.rows["token_index"][i].as_py())
