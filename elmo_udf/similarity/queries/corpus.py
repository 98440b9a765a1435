"""Holds the table that is searched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyspark.sql import DataFrame

from elmo_udf.similarity.kernels.correction import Correction
from elmo_udf.spark.metadata import TableMetadata

NO_DIRECTION = "no direction: its vector, or what the correction leaves of it, is zero"


@dataclass(frozen=True)
class Corpus:
    """The table that is searched, how its vectors were made (``made.model`` is the model handle), and a correction."""

    table: DataFrame
    made: TableMetadata
    correction: Correction | None

    def corrected(self, vectors: np.ndarray) -> np.ndarray:
        """Returns vectors (n, D) corrected like those of the table, (n, D').

        A vector of which nothing remains is zero.
        """
        return vectors if self.correction is None else self.correction.apply(vectors)
