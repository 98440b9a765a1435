"""The numpy kernels against brute force in float64, over values made to be hard: duplicates, ties, limits."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from elmo_udf.similarity.blocks.threads import task_threads
from elmo_udf.similarity.kernels.above import pairs_above
from elmo_udf.similarity.kernels.cosine import (
    STEPS,
    Rows,
    cosine_of,
    exact_block,
    exact_steps,
    scale_rows,
    score_error,
    unit_rows,
)
from elmo_udf.similarity.kernels.nearest import EMPTY, Shortlists, reached, split_keys
from elmo_udf.similarity.kernels.tiles import tiles

FEW = settings(max_examples=60, deadline=None)


def slow_steps(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Cosines in steps, each from correctly rounded sums of float64 products."""

    def norm(row: np.ndarray) -> float:
        return math.sqrt(math.fsum(float(v) * float(v) for v in row))

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return math.fsum(float(x) * float(y) for x, y in zip(a, b, strict=True)) / (norm(a) * norm(b))

    steps = [[round(max(-1.0, min(1.0, cosine(a, b))) * STEPS) for b in right] for a in left]
    return np.array(steps, np.int64).reshape(len(left), len(right))


@st.composite
def vectors(draw: st.DrawFn, width: int | None = None, dtype: type | None = None, max_rows: int = 24) -> np.ndarray:
    """Rows drawn with repetition from a few directions of small whole numbers, some nudged: ties and near ties."""
    width = width or draw(st.sampled_from([1, 2, 3, 7, 16, 64]))
    dtype = dtype or draw(st.sampled_from([np.float32, np.float64]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    directions = random.integers(-2, 3, (draw(st.integers(1, 6)), width)).astype(np.float64)
    directions[~directions.any(axis=1), 0] = 1
    rows = directions[random.integers(0, len(directions), draw(st.integers(1, max_rows)))]
    scale = draw(st.sampled_from([0.0, 0.0, 1e-7, 1e-3, 1.0]))
    rows = rows * random.choice([1.0, 2.0, 3.0], (len(rows), 1)) + scale * random.standard_normal(rows.shape)
    rows[~rows.any(axis=1), 0] = 1
    return rows.astype(dtype)


@FEW
@given(vectors(width=7, dtype=np.float64), vectors(width=7, dtype=np.float32))
def test_exact_cosines_equal_correctly_rounded_ones(left: np.ndarray, right: np.ndarray) -> None:
    expected = slow_steps(left, right)
    a, b = Rows.of(left), Rows.of(right)
    i, j = np.indices(expected.shape).reshape(2, -1)
    assert np.array_equal(exact_steps(a, b, i, j).reshape(expected.shape), expected)
    assert np.array_equal(exact_block(a, b), expected)


def test_both_exact_ways_agree_where_rounding_hangs_by_a_hair() -> None:
    rng = np.random.default_rng(5)
    targets = (rng.integers(-STEPS, STEPS, 2000) + 0.5) / STEPS  # cosines half way between two steps
    u, v = np.linalg.qr(rng.standard_normal((300, 2)))[0].T
    left, right = u[None], targets[:, None] * u + np.sqrt(1 - targets**2)[:, None] * v
    a, b = Rows.of(left), Rows.of(right)
    one_by_one = np.array([exact_steps(a, b, np.array([0]), np.array([j]))[0] for j in range(len(b))])
    assert np.array_equal(exact_block(a, b)[0], one_by_one)
    assert np.array_equal(exact_steps(b, a, np.arange(2000), np.zeros(2000, int)), one_by_one)
    parts = np.concatenate([exact_block(a, b[start : start + 77])[0] for start in range(0, 2000, 77)])
    assert np.array_equal(parts, one_by_one)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaling_changes_no_cosine_and_saves_those_out_of_range(dtype: type) -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_normal((40, 9)).astype(dtype)
    huge = np.float64(10.0) ** rng.integers(-30, 30, (40, 1))
    if dtype is np.float64:
        huge = huge**9
    scaled = scale_rows((values * huge).astype(dtype))
    assert scaled.dtype == dtype
    assert (np.abs(scaled).max(axis=1) >= 0.5).all() and (np.abs(scaled).max(axis=1) < 1).all()
    plain = exact_block(Rows.of(values), Rows.of(values))
    assert np.abs(exact_block(Rows.of(scaled), Rows.of(scaled)) - plain).max() <= 1


@pytest.mark.parametrize("width", [1, 3, 64, 1000, 4096])
def test_float32_scores_stay_within_the_bound(width: int) -> None:
    rng = np.random.default_rng(width)
    values = np.concatenate([rng.standard_normal((30, width)), rng.uniform(0.9, 1, (30, width)), np.ones((1, width))])
    rows = Rows.of(values)
    unit = unit_rows(rows)
    exact = (values / rows.norms[:, None]) @ (values / rows.norms[:, None]).T
    assert np.abs(unit @ unit.T - exact).max() <= score_error(width)


@FEW
@given(st.integers(1, 70), st.integers(1, 20), st.integers(0, 1), st.integers(0, 2**32))
def test_a_reached_score_is_reached_by_enough(size: int, n: int, axis: int, seed: int) -> None:
    scores = np.random.default_rng(seed).choice([0.1, 0.2, 0.9], (size, 40) if axis == 0 else (40, size))
    bound = reached(scores.astype(np.float32), n, axis)
    assert bound.shape == (40,)
    enough = (scores.astype(np.float32) >= np.expand_dims(bound, axis)).sum(axis=axis)
    assert (enough >= min(n, size)).all()
    if size < n:
        assert (bound == -2).all()


def fast_nearest(left: Rows, right: Rows | None, k: int, tile_rows: int, ranks: np.ndarray) -> list[np.ndarray]:
    """Exact keys for the left rows, and for the right ones where there are any; ranks serve both."""
    other = left if right is None else right
    rows, columns = Shortlists(len(left), k), Shortlists(len(other), k)
    n_tiles = 0
    for tile in tiles(left, right, tile_rows):
        n_tiles += 1
        rows.offer_rows(tile)
        if right is not None:
            columns.offer_columns(tile)
        elif not tile.diagonal:
            rows.offer_columns(tile)
    assert n_tiles > 1 or len(left) <= tile_rows
    found = [rows.exact(left, other, ranks[: len(other)], right is None)]
    return found if right is None else [*found, columns.exact(right, left, ranks[: len(left)], False)]


def slow_nearest(steps: np.ndarray, ranks: np.ndarray, k: int, within: bool) -> list[list[tuple[int, int]]]:
    """(steps, rank) of the k nearest of every row, by sorting all of them."""
    result = []
    for i, row in enumerate(steps):
        all_of_them = [(-s, r) for j, (s, r) in enumerate(zip(row, ranks, strict=True)) if not (within and i == j)]
        result.append([(-s, r) for s, r in sorted(all_of_them)[:k]])
    return result


def as_lists(keys: np.ndarray) -> list[list[tuple[int, int]]]:
    steps, ranks = split_keys(keys)
    return [
        [(int(s), int(r)) for s, r, key in zip(*row, strict=True) if key != EMPTY]
        for row in zip(steps, ranks, keys, strict=True)
    ]


@FEW
@given(vectors(max_rows=60), st.integers(1, 70), st.integers(1, 20), st.integers(0, 2**32))
def test_nearest_within_equals_brute_force(values: np.ndarray, k: int, tile_rows: int, seed: int) -> None:
    ranks = np.random.default_rng(seed).permutation(len(values))
    rows = Rows.of(values)
    (found,) = fast_nearest(rows, None, k, tile_rows, ranks)
    assert as_lists(found) == slow_nearest(slow_steps(values, values), ranks, k, within=True)


@FEW
@given(st.data(), st.integers(1, 30), st.integers(1, 20))
def test_nearest_of_two_sides_equals_brute_force(data: st.DataObject, k: int, tile_rows: int) -> None:
    left, right = data.draw(vectors(width=5)), data.draw(vectors(width=5))
    ranks = np.random.default_rng(data.draw(st.integers(0, 99))).permutation(max(len(left), len(right)))
    of_left, of_right = fast_nearest(Rows.of(left), Rows.of(right), k, tile_rows, ranks)
    steps = slow_steps(left, right)
    assert as_lists(of_left) == slow_nearest(steps, ranks[: len(right)], k, within=False)
    assert as_lists(of_right) == slow_nearest(steps.T, ranks[: len(left)], k, within=False)


def test_crowded_rows_and_others_side_by_side() -> None:
    """500 near duplicates that float32 can't tell apart, among rows that are far from each other."""
    rng = np.random.default_rng(3)
    near = rng.standard_normal(48) + 1e-6 * rng.standard_normal((500, 48))
    values = rng.permutation(np.concatenate([near, rng.standard_normal((300, 48))]))
    rows, ranks = Rows.of(values), rng.permutation(800)
    lists = Shortlists(800, 5)
    for tile in tiles(rows, None, 128):
        lists.offer_rows(tile)
        if not tile.diagonal:
            lists.offer_columns(tile)
    spread = np.ptp(lists.keys >> 32, axis=1) / 2**29
    assert (spread < 1e-6).sum() >= 500  # their lists are full of what can't be told apart
    found = as_lists(lists.exact(rows, rows, ranks, within=True))
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    steps = np.rint(np.clip(unit @ unit.T, -1, 1) * STEPS).astype(int)
    assert found == slow_nearest(steps, ranks, 5, within=True)


@FEW
@given(vectors(max_rows=40), st.integers(1, 20), st.sampled_from([-1.0, -0.5, 0.0, 0.5, 0.57, 0.9, 0.999999, 1.0]))
def test_pairs_within_equal_brute_force(values: np.ndarray, tile_rows: int, threshold: float) -> None:
    rows = Rows.of(values)
    found = sorted(
        (int(i), int(j), int(s))
        for tile in tiles(rows, None, tile_rows)
        for pairs in pairs_above(rows, rows, tile, threshold)
        for i, j, s in zip(*pairs, strict=True)
    )
    found = sorted((min(i, j), max(i, j), s) for i, j, s in found)
    steps = slow_steps(values, values)
    n = len(values)
    expected = [(i, j, int(steps[i, j])) for i in range(n) for j in range(i + 1, n) if steps[i, j] / STEPS >= threshold]
    assert found == expected


@FEW
@given(st.data(), st.integers(1, 20))
def test_pairs_at_a_threshold_that_is_one_of_the_cosines(data: st.DataObject, tile_rows: int) -> None:
    left, right = data.draw(vectors(width=6)), data.draw(vectors(width=6))
    steps = slow_steps(left, right)
    threshold = float(cosine_of(steps[data.draw(st.integers(0, len(left) - 1)), 0]))
    a, b = Rows.of(left), Rows.of(right)
    found = {
        (int(i), int(j)): int(s)
        for tile in tiles(a, b, tile_rows)
        for pairs in pairs_above(a, b, tile, threshold)
        for i, j, s in zip(*pairs, strict=True)
    }
    assert found == {(i, j): s for (i, j), s in np.ndenumerate(steps) if s / STEPS >= threshold}
    assert found


def test_memory_of_mass_duplicates_is_bounded() -> None:
    """4,000 equal rows: 8 million pairs and ties, in pieces of about a million."""
    import tracemalloc

    rows, ranks = Rows.of(np.ones((4000, 4), np.float32)), np.arange(4000)[::-1].copy()
    tracemalloc.start()
    lists, n_pairs = Shortlists(4000, 3), 0
    for tile in tiles(rows, None, 2048):
        n_pairs += sum(len(i) for i, _, _ in pairs_above(rows, rows, tile, 1.0))
        lists.offer_rows(tile)
        if not tile.diagonal:
            lists.offer_columns(tile)
    keys = lists.exact(rows, rows, ranks, within=True)
    peak_mib = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    assert n_pairs == 4000 * 3999 // 2
    steps, ranks = split_keys(keys)
    assert (steps == STEPS).all()
    assert ranks[0].tolist() == [0, 1, 2] and ranks[-1].tolist() == [1, 2, 3]
    assert peak_mib < 130


@pytest.mark.parametrize("cores", [1, 2])
def test_products_of_a_task_that_is_alone_take_all_cores(cores: int) -> None:
    with task_threads(cores):
        threads = [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
    assert threads and all(n == min(cores, os.cpu_count() or 1) for n in threads)
