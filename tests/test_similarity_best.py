"""The best rows for some queries, from batches: ties, and memory."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from elmo_udf.similarity.kernels.best import Best


@pytest.mark.parametrize("batch", [1, 7, 300])
def test_the_best_of_batches_ties_by_id(batch: int) -> None:
    random = np.random.default_rng(0)
    steps = random.integers(0, 40, (5, 300))
    best = Best(5, 6)
    for start in range(0, 300, batch):
        part = pa.record_batch({"id": pa.array(np.arange(start, min(300, start + batch)))})
        best.offer(steps[:, start : start + batch], part)
        if start % 3 == 0:
            best._compact()
    found = best.result()
    assert found is not None
    for number, row in enumerate(steps):
        kept = found.filter(pa.array(found["query"].to_numpy() == number))
        assert kept["id"].to_pylist() == np.lexsort((np.arange(300), -row))[:6].tolist()
        assert row[kept["id"].to_numpy()].tolist() == kept["steps"].to_pylist()
    assert Best(5, 6).result() is None


def test_equal_rows_without_end_take_no_memory() -> None:
    best, n = Best(100, 3), 2000
    for start in range(200_000, 0, -n):  # each batch goes before those that were kept
        best.offer(np.full((100, n), 7), pa.record_batch({"id": pa.array(np.arange(start - n, start))}))
        assert sum(map(len, best._pieces)) <= 1200 + (1 << 16) + 100 * n
    found = best.result()
    assert found is not None and found["id"].to_pylist() == [0, 1, 2] * 100
