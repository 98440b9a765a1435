"""Pooling against plain numpy."""

import numpy as np
import pytest

from elmo_udf.embedding.pooling import Pool, unit_length


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_pool_fed_in_pieces_equals_numpy(pooling: str) -> None:
    random = np.random.default_rng(0)
    lengths = random.integers(1, 9, size=40)
    rows = random.standard_normal((lengths.sum(), 5)).astype(np.float32)
    groups = np.repeat(np.arange(40), lengths)
    pool = Pool(40, 5, pooling)
    for start in range(0, len(rows), 7):  # pieces that cut through groups
        pool.add(rows[start : start + 7], groups[start : start + 7])
    reduce = np.mean if pooling == "mean" else np.max
    expected = np.stack([reduce(part.astype(np.float64), axis=0) for part in np.split(rows, np.cumsum(lengths)[:-1])])
    np.testing.assert_allclose(pool.result(), expected, atol=1e-6)
    assert pool.result().dtype == np.float32


def test_unit_length_leaves_zero_rows() -> None:
    vectors = np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)
    np.testing.assert_allclose(unit_length(vectors), [[0.6, 0.8], [0, 0]], atol=1e-7)
