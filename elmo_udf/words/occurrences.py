"""One word's occurrences: where they are, their sentences, and their vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from elmo_udf.text.context import in_context

PLACE = ("id", "sentence_index", "token_index")
LABEL = "_label"
"""Column with the known sense, under a name of our own."""


@dataclass(frozen=True)
class Occurrences:
    """A word's occurrences, in the order of their places.

    rows: columns of PLACE, ``token`` and, where senses are known, LABEL (string, NULL where one is not).
    unit: (n, D) float64, of unit length. sentences: the tokens of each one's sentence.
    """

    rows: pa.Table
    unit: np.ndarray
    sentences: list[list[str]]

    def __len__(self) -> int:
        return len(self.unit)

    @property
    def senses(self) -> list[str | None] | None:
        """The known sense of each, where the table has a column of them."""
        known: list[str | None] | None = self.rows[LABEL].to_pylist() if LABEL in self.rows.column_names else None
        return known

    def context(self, i: int) -> str:
        """Occurrence ``i`` with its neighbours."""
        return in_context(self.sentences[i], self.rows["token_index"][i].as_py())
