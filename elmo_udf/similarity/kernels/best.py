"""Keeps the best rows for some queries, from batches that are seen once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from elmo_udf.similarity.kernels.cosine import STEPS


@dataclass
class Best:
    """The k rows with the greatest cosines so far for each query. Rows with equal cosines are sorted by their columns.

    Attributes:
        bound: For each query, the lowest cosine in steps that can be among the k best, int64, shape (n_queries,).
    """

    n_queries: int
    k: int
    bound: np.ndarray = field(init=False)
    _pieces: list[pa.RecordBatch] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bound = np.full(self.n_queries, -STEPS, np.int64)

    def offer(self, steps: np.ndarray, rows: pa.RecordBatch) -> None:
        """Adds n rows with their cosines (n_queries, n), in steps, with the queries.

        It keeps the columns of the rows.
        """
        if steps.shape[1] > self.k:
            least = np.partition(steps, -self.k, axis=1)[:, -self.k]
            self.bound = np.maximum(self.bound, least)
        query, j = np.nonzero(steps >= self.bound[:, None])
        kept = [column.take(pa.array(j)) for column in rows.columns]
        found = [pa.array(query, pa.int32()), *kept, pa.array(steps[query, j], pa.int32())]
        self._pieces.append(pa.record_batch(found, names=["query", *rows.schema.names, "steps"]))
        if sum(len(piece) for piece in self._pieces) > 4 * self.n_queries * self.k + (1 << 16):
            self._compact()

    def result(self) -> pa.RecordBatch | None:
        """Returns ``query`` (int32), the columns of the rows and ``steps`` (int32), unsorted; None without rows."""
        self._compact()
        return self._pieces[0] if self._pieces else None

    def _compact(self) -> None:
        """Drops rows that are no longer among the k best."""
        if not self._pieces:
            return
        (whole,) = pa.Table.from_batches(self._pieces).combine_chunks().to_batches() or [self._pieces[0]]
        columns = [(name, "ascending") for name in whole.schema.names[1:-1]]
        keys = [("query", "ascending"), ("steps", "descending"), *columns]
        whole = whole.take(pc.sort_indices(whole, sort_keys=keys))
        query, steps = whole["query"].to_numpy(), whole["steps"].to_numpy()
        starts, ends = (np.searchsorted(query, np.arange(self.n_queries), side=side) for side in ("left", "right"))
        full = ends - starts >= self.k
        self.bound[full] = np.maximum(self.bound[full], steps[starts[full] + self.k - 1])
        self._pieces = [whole.filter(pa.array(np.arange(len(whole)) < starts[query] + self.k))]
