"""Finds all pairs above a threshold with a fraction of the product.

Rotate all rows so that the principal components of the table come first; this does not change dot products. Split a
rotated unit row x into its *head*, the first few components, and the rest, which has the length r. Then, by Cauchy and
Schwarz,

    cosine(x, y) <= head_x . head_y + r_x r_y.

So a single product of rows with a few components (r is one more column) bounds every cosine from above. The vectors of
a network lie near few dimensions, so the bound is tight, and only few pairs must be computed. If too many remain, the
tile is multiplied in full instead.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from elmo_udf.similarity.kernels.above import Pairs, pairs_above
from elmo_udf.similarity.kernels.cosine import (
    STEPS,
    Rows,
    cosine_of,
    exact_steps,
    product_error,
    score_error,
    unit_rows,
)
from elmo_udf.similarity.kernels.tiles import Place, full_tile, places

log = logging.getLogger(__name__)

_N_COMPONENTS = (16, 32, 64, 128, 256)
"""The widths of heads to choose from."""
_LEAST_ROWS = 256
"""Number of rows from which pruning pays."""
_FULL_SHARE = 1 / 200
"""Share of a tile's cells above the bound from which the full product is cheaper."""
_CELLS = 1 << 18  # of bounds at a time: they stay in a core's cache
# Costs of a pair in columns of a product: a narrow product is slower a column, and a pair alone is much slower.
_NARROW, _ALONE = 90, 100
_WORTH = 0.7  # of the full product's cost


@dataclass(frozen=True)
class Pruning:
    """How to bound cosines.

    Attributes:
        components: Orthonormal columns on which heads are measured, (width, n_components) float64.
        share: The expected share of pairs that must be computed.
    """

    components: np.ndarray
    share: float


def choose_pruning(left: Rows, right: Rows | None, threshold: float) -> Pruning | None:
    """Returns the cheapest pruning for a table like this sample (or tables like these samples), or None if none pays.

    The components are those of three quarters of the rows. The pairs that they leave are counted on the other rows.
    """
    samples = [left] if right is None else [left, right]
    if min(map(len, samples)) < _LEAST_ROWS or left.width < 4 * _N_COMPONENTS[0]:
        return None
    rest, others = left[_cut(left) :], None if right is None else right[_cut(right) :]
    best, best_cost = None, _WORTH * left.width
    if _cost(_N_COMPONENTS[0], _share_above(rest, others, threshold), left.width) >= best_cost:
        return None  # the pairs of the result alone are too many
    components = _principal(np.concatenate([_unit(rows[: _cut(rows)]) for rows in samples]), max(_N_COMPONENTS))
    for n in _N_COMPONENTS:
        if n > left.width // 4 or n > components.shape[1]:
            break
        pruning = Pruning(components[:, :n], _share_left(rest, others, components[:, :n], threshold))
        if (cost := _cost(n, pruning.share, left.width)) < best_cost:
            best, best_cost = pruning, cost
    if best is not None:
        n = best.components.shape[1]
        log.info("pruning: %d of %d components leave %.4f %% of the pairs", n, left.width, 100 * best.share)
    return best


def pairs_pruned(left: Rows, right: Rows | None, threshold: float, tile_rows: int, pruning: Pruning) -> Iterator[Pairs]:
    """Yields the pairs of ``pairs_above`` over all tiles of left × right.

    Without right, these are the tiles of left × left on and above the diagonal.
    """
    others = left if right is None else right
    heads = heads_of(left, pruning.components)
    other_heads = heads if right is None else heads_of(others, pruning.components)
    least = least_bound(threshold, heads.shape[1])
    for place in places(len(left), None if right is None else len(right), tile_rows):
        found = _left_over(heads, other_heads, place, least)
        if found is None:
            yield from pairs_above(left, others, full_tile(left, others, place), threshold)
            continue
        i, j = found
        steps = exact_steps(left, others, i, j)
        keep = cosine_of(steps) >= threshold
        yield i[keep], j[keep], steps[keep]


def heads_of(rows: Rows, components: np.ndarray) -> np.ndarray:
    """Returns heads of the unit rows and lengths of the rests, never too short: (n, n_components + 1) float32."""
    n_components = components.shape[1]
    heads = np.empty((len(rows), n_components + 1), np.float32)
    slack = 4 * n_components * product_error(rows.width)  # of squared lengths, in float64
    for start in range(0, len(rows), 1024):
        part = slice(start, start + 1024)
        turned = _unit(rows[part]) @ components
        heads[part, :-1] = turned
        heads[part, -1] = np.sqrt(np.maximum(0.0, 1.0 - (turned * turned).sum(axis=1)) + slack)
    return heads


def least_bound(threshold: float, width: int) -> float:
    """Returns the bound for a product of heads of this width. A pair below it can't reach the threshold."""
    return threshold - 0.5 / STEPS - score_error(width)


def _left_over(
    heads: np.ndarray, other_heads: np.ndarray, place: Place, least: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns the positions of the pairs that must be computed, (n,) each, or None if they are too many."""
    columns = other_heads[place.side : place.side_end]
    most = _FULL_SHARE * (place.top_end - place.top) * len(columns)
    found_i, found_j, n_found = [], [], 0
    rows = max(1, _CELLS // len(columns))
    for start in range(place.top, place.top_end, rows):
        hits = heads[start : min(start + rows, place.top_end)] @ columns.T >= least
        if place.diagonal:
            hits &= np.arange(start, start + len(hits))[:, None] < np.arange(place.side, place.side_end)
        n_found += int(np.count_nonzero(hits))
        if n_found > most:
            return None
        i, j = np.divmod(np.flatnonzero(hits), len(columns))
        found_i.append(start + i)
        found_j.append(place.side + j)
    return np.concatenate(found_i), np.concatenate(found_j)


def _cost(n_components: int, share: float, width: int) -> float:
    """Returns the cost of a pair in columns of a product."""
    return n_components + _NARROW + share * _ALONE * width


def _share_above(left: Rows, right: Rows | None, threshold: float) -> float:
    """Returns the share of the pairs that reach the threshold."""
    unit = unit_rows(left)
    return _share(unit @ (unit if right is None else unit_rows(right)).T >= threshold, right is None)


def _share_left(left: Rows, right: Rows | None, components: np.ndarray, threshold: float) -> float:
    """Returns the share of the pairs that must be computed."""
    heads = heads_of(left, components)
    bounds = heads @ (heads if right is None else heads_of(right, components)).T
    return _share(bounds >= least_bound(threshold, heads.shape[1]), right is None)


def _share(hits: np.ndarray, within: bool) -> float:
    if within:
        hits = hits[np.triu_indices(len(hits), 1)]
    return float(hits.mean()) if hits.size else 1.0


def _principal(unit: np.ndarray, n: int) -> np.ndarray:
    """Returns the first n principal components, not centered, of rows (n_rows, width).

    They are orthonormal columns: (width, n or less).
    """
    from scipy.linalg import eigh, qr

    width, n = unit.shape[1], min(n, *unit.shape)
    vectors = eigh(unit.T @ unit, subset_by_index=(width - n, width - 1))[1]
    components: np.ndarray = qr(vectors[:, ::-1], mode="economic")[0]  # orthonormal to the last digit
    return components


def _unit(rows: Rows) -> np.ndarray:
    """Returns the rows scaled to unit length, (n, width) float64."""
    unit: np.ndarray = rows.values / rows.norms[:, None]
    return unit


def _cut(rows: Rows) -> int:
    return len(rows) * 3 // 4
