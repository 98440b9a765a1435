"""Finds the pairs of rows whose cosine reaches a threshold, exactly and in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from elmo_udf.similarity.kernels.cosine import STEPS, Rows, cosine_of, exact_block, exact_steps, score_error
from elmo_udf.similarity.kernels.tiles import Tile

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Positions on the left, positions on the right, and steps of cosine: int64, shape (n_pairs,) each."""

_CELLS = 1 << 20
_DENSE = 1 / 32  # share of cells from which a float64 product of all is cheaper than the pairs one by one


def pairs_above(left: Rows, right: Rows, tile: Tile, threshold: float) -> Iterator[Pairs]:
    """Yields the pairs of the tile whose rounded cosine is at least ``threshold``, at most 2^20 at a time."""
    least_score = threshold - 0.5 / STEPS - score_error(left.width)
    n_columns = tile.scores.shape[1]
    rows = max(1, _CELLS // n_columns)
    for start in range(0, len(tile.scores), rows):
        hits = tile.scores[start : start + rows] >= least_score
        if tile.diagonal:
            hits &= np.arange(start, start + len(hits))[:, None] < np.arange(n_columns)
        n_hits = np.count_nonzero(hits)
        if n_hits == 0:
            continue
        i, j = np.divmod(np.flatnonzero(hits), n_columns)
        if n_hits > hits.size * _DENSE:
            top, side = tile.top + start, tile.side
            steps = exact_block(left[top : top + len(hits)], right[side : side + n_columns])[i, j]
        else:
            steps = exact_steps(left, right, tile.top + start + i, tile.side + j)
        keep = cosine_of(steps) >= threshold
        yield tile.top + start + i[keep], tile.side + j[keep], steps[keep]
