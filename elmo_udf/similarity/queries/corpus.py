"""What is searched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyspark.sql import DataFrame

from elmo_udf.similarity.kernels.correction import Correction
from elmo_udf.spark.metadata import TableMetadata

NO_DIRECTION = "no direction: its vector, or what the correction leaves of it, is zero"


@dataclass(frozen=True)
class Corpus:
    """What is searched: the table, how its vectors were made (``made.model`` is the handle to use), a correction."""

    table: DataFrame
    made: TableMetadata
    correction: Correction | None

    def corrected(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (n, D) as the table's are compared, (n, D'): those of which nothing is left are zero."""
        return vectors if self.correction is None else self.correction.apply(vectors)
