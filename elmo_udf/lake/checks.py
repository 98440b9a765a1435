"""Counts wrong vectors in a table, and describes the result of a check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

UNIT_TOLERANCE = 1e-4
"""Tolerance for the length of a float32 unit vector whose squares were summed in float32."""

COUNTED = ("null_vectors", "null_values", "other_widths", "not_finite", "zero_length", "not_unit_length")


@dataclass(frozen=True)
class Check:
    """One property that a table must have."""

    check: str
    passed: bool
    found: str
    expected: str

    @staticmethod
    def none(check: str, n: int, what: str) -> Check:
        """Returns a check that passes if there is nothing of the kind."""
        return Check(check, n == 0, f"{n:,} {what}", "0")

    def row(self) -> dict[str, Any]:
        """Returns the check as a row of the report."""
        return asdict(self)


def count_in(vectors: pa.ListArray, width: int, normalize: bool) -> dict[str, int]:
    """Returns how many vectors of (N,) lists of float32 are wrong, by COUNTED. A vector may count several times."""
    counts = dict.fromkeys(COUNTED, 0)
    counts["null_vectors"] = vectors.null_count
    there = vectors.drop_null()
    lengths = there.value_lengths().to_numpy(zero_copy_only=False)
    counts["other_widths"] = int((lengths != width).sum())
    values = there.flatten()
    counts["null_values"] = values.null_count
    if values.null_count or counts["other_widths"] or not len(there):
        return counts  # rows of numbers can't be told apart
    rows = values.to_numpy(zero_copy_only=False).reshape(len(there), width)  # (N, D)
    finite = np.isfinite(rows).all(axis=1)
    norms = np.sqrt(np.einsum("nd,nd->n", rows[finite], rows[finite], dtype=np.float64))
    counts["not_finite"] = int((~finite).sum())
    counts["zero_length"] = int((norms == 0).sum())
    if normalize:
        counts["not_unit_length"] = int((np.abs(norms - 1) > UNIT_TOLERANCE).sum())
    return counts


def counting(width: int, normalize: bool) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Returns a function for mapInArrow over the column of vectors.

    It yields one row per partition, with columns COUNTED.
    """

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        total = dict.fromkeys(COUNTED, 0)
        for batch in batches:
            found = count_in(batch.column(0), width, normalize)
            total = {name: total[name] + found[name] for name in COUNTED}
        yield pa.RecordBatch.from_pydict({name: pa.array([total[name]], pa.int64()) for name in COUNTED})

    return count
