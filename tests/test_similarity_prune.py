"""Pruned pairs are all pairs: bounds are bounds whatever the components, and every way gives the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_udf.similarity.kernels import prune
from elmo_udf.similarity.kernels.above import pairs_above
from elmo_udf.similarity.kernels.cosine import Rows, exact_block
from elmo_udf.similarity.kernels.prune import Pruning, choose_pruning, heads_of, least_bound, pairs_pruned
from elmo_udf.similarity.kernels.tiles import tiles


def like_a_network(seed: int, n: int, width: int = 96, dtype: type = np.float32) -> np.ndarray:
    """Rows near few dimensions, some of them nearly equal."""
    rng = np.random.default_rng(seed)
    scale = 1.0 / (1 + np.arange(width))
    some = rng.standard_normal((max(1, n // 3), width)) * scale
    near = rng.choice([0.0, 0.05, 1.0], (n, 1))
    rows: np.ndarray = some[rng.integers(0, len(some), n)] + near * rng.standard_normal((n, width)) * scale
    return (10.0 ** rng.integers(-3, 4, (n, 1)) * rows).astype(dtype)


def any_components(seed: int, width: int, n: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((width, n)))[0]


def as_set(pairs: object) -> set[tuple[int, int, int]]:
    return {tuple(map(int, pair)) for part in pairs for pair in zip(*part, strict=True)}  # type: ignore[attr-defined]


def unpruned(left: Rows, right: Rows | None, threshold: float) -> set[tuple[int, int, int]]:
    others = left if right is None else right
    return as_set(part for tile in tiles(left, right, 64) for part in pairs_above(left, others, tile, threshold))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.sampled_from([np.float32, np.float64]))
def test_no_bound_is_below_its_cosine(seed: int, n_components: int, dtype: type) -> None:
    rows = Rows.of(like_a_network(seed, 60, dtype=dtype))
    heads = heads_of(rows, any_components(seed, rows.width, n_components))
    cosines = exact_block(rows, rows) / 1e6
    # Whatever cosine is taken as the threshold, the pair that has it is left.
    assert (heads @ heads.T >= least_bound(0.0, heads.shape[1]) + cosines).all()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(1, 150),
    st.integers(0, 150),
    st.sampled_from([0.0, 0.5, 0.9, 0.999, 1.0]),
    st.integers(1, 70),
)
def test_pruned_pairs_are_all_pairs(seed: int, n: int, n_right: int, threshold: float, tile_rows: int) -> None:
    left = Rows.of(like_a_network(seed, n))
    right = Rows.of(like_a_network(seed, n_right)) if n_right else None
    pruning = Pruning(any_components(seed, left.width, 9), 0.0)
    assert as_set(pairs_pruned(left, right, threshold, tile_rows, pruning)) == unpruned(left, right, threshold)


@pytest.mark.slow
def test_each_way_is_taken_and_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Rows.of(like_a_network(3, 700, width=512))
    pruning = choose_pruning(rows, None, 0.98)
    assert pruning is not None and pruning.share < 0.05
    expected = unpruned(rows, None, 0.98)
    assert len(expected) > 300
    full = []
    monkeypatch.setattr(prune, "full_tile", lambda *args: full.append(args) or full_tile(*args))
    for share, taken in ((0.0, True), (1.0, False)):
        full.clear()
        monkeypatch.setattr(prune, "_FULL_SHARE", share)
        assert as_set(pairs_pruned(rows, None, 0.98, 100, pruning)) == expected
        assert bool(full) == taken


full_tile = prune.full_tile


def test_pruning_is_chosen_where_it_pays() -> None:
    rows = Rows.of(like_a_network(1, 2000, width=512))
    pruning = choose_pruning(rows, None, 0.99)
    assert pruning is not None and pruning.components.shape[0] == 512
    gram = pruning.components.T @ pruning.components
    assert np.abs(gram - np.eye(len(gram))).max() < 1e-13
    other = choose_pruning(rows, Rows.of(like_a_network(2, 2000, width=512)), 0.99)
    assert other is not None
    assert choose_pruning(rows, None, -1.0) is None  # every pair is above
    assert choose_pruning(rows[:20], None, 0.99) is None
    noise = Rows.of(np.random.default_rng(0).standard_normal((2000, 512)) + 3.0)
    assert choose_pruning(noise, None, 0.85) is None
    assert choose_pruning(Rows.of(rows.values[:, :30]), None, 0.99) is None
