"""Finds the k nearest rows of each row, exactly and in bounded memory.

While tiles are processed, every row keeps a short list of its best float32 scores, somewhat longer than k. At the end,
everything that may belong to the k nearest is scored exactly. If a list is too short to decide, as it can be among many
near duplicates, the row is *crowded*. It is then compared exactly with all candidates, which is slower, but needs
bounded memory as well.

A list has one int64 key per entry, and smaller keys are better. The upper half contains the score, descending; the
lower half contains the position of the candidate. Exact lists contain steps and the rank of the candidate's id in the
same way, so that sorted keys are in the order of the result, (-cosine, id).
"""

from __future__ import annotations

import numpy as np

from elmo_udf.similarity.kernels.cosine import STEPS, Rows, exact_block, exact_steps, score_error
from elmo_udf.similarity.kernels.tiles import Tile

EMPTY = np.iinfo(np.int64).max
"""The key of an unused entry."""

_LOW = (1 << 32) - 1
_SCALE = float(1 << 29)  # of float32 scores in keys: finer than the scores, and (1 - score) * _SCALE < 2^31
_MAX_HITS = 1 << 18
_EXACT_ROWS, _EXACT_CANDIDATES = 512, 2048


class Shortlists:
    """The best candidates by float32 score so far for each of n rows.

    Attributes:
        keys: (n, length) int64, unsorted except that the worst one is at the end.
        bound: (n,) float32. A score below it can't enter the list. It is -2 while the list isn't full.
    """

    def __init__(self, n_rows: int, k: int) -> None:
        self.k = k
        self.length = k + max(8, k // 4)
        self.keys = np.full((n_rows, self.length), EMPTY, np.int64)
        self.bound = np.full(n_rows, -2, np.float32)

    def offer_rows(self, tile: Tile) -> None:
        """Offers the tile's right rows to its left rows, but none to itself."""
        if tile.diagonal:
            np.fill_diagonal(tile.scores, -np.inf)
        self._offer(tile.scores, tile.top, tile.side, 0)

    def offer_columns(self, tile: Tile) -> None:
        """Offers the tile's left rows to its right rows."""
        self._offer(tile.scores, tile.side, tile.top, 1)

    def _offer(self, scores: np.ndarray, first_row: int, first_candidate: int, axis: int) -> None:
        """Offers candidates to rows. Our rows lie along ``axis`` of the scores."""
        own = slice(first_row, first_row + scores.shape[axis])
        bound = self.bound[own]
        if (bound == -2).any():
            bound = np.maximum(bound, reached(scores, self.length, 1 - axis))
        hits = scores >= np.expand_dims(bound, 1 - axis)
        n_rows = scores.shape[axis]
        if n_rows > 1 and np.count_nonzero(hits) > _MAX_HITS:
            half = n_rows // 2
            for part, offset in ((slice(0, half), 0), (slice(half, None), half)):
                self._offer(scores[part] if axis == 0 else scores[:, part], first_row + offset, first_candidate, axis)
            return
        places = np.divmod(np.flatnonzero(hits), scores.shape[1])
        best = np.rint((1.0 - scores[places].astype(np.float64)) * _SCALE).astype(np.int64)
        self._merge(first_row + places[axis], best << 32 | (first_candidate + places[1 - axis]))

    def _merge(self, rows: np.ndarray, keys: np.ndarray) -> None:
        if len(rows) == 0:
            return
        order = np.argsort(rows, kind="stable")
        touched, starts, counts = np.unique(rows[order], return_index=True, return_counts=True)
        place = np.arange(len(rows)) - np.repeat(starts, counts)
        fresh = np.full((len(touched), counts.max()), EMPTY, np.int64)
        fresh[np.repeat(np.arange(len(touched)), counts), place] = keys[order]
        merged = np.concatenate([self.keys[touched], fresh], axis=1)
        merged.partition(self.length - 1, axis=1)
        self.keys[touched] = merged[:, : self.length]
        worst = merged[:, self.length - 1]
        # Rounded up: scores equal to the worst one kept must not enter, or duplicates would stream through.
        bound = np.nextafter((1.0 - ((worst >> 32) - 0.5) / _SCALE).astype(np.float32), np.float32(2))
        self.bound[touched] = np.where(worst == EMPTY, np.float32(-2), bound)

    def exact(self, rows: Rows, candidates: Rows, ranks: np.ndarray, within: bool) -> np.ndarray:
        """Returns the k nearest by exact keys (steps and rank): (n, k) int64, sorted, EMPTY if there are fewer than k.

        Args:
            ranks: The position of each candidate's id among all of theirs, (n_candidates,) int64.
            within: Whether rows and candidates are the same. Then no row is its own neighbor.
        """
        result = np.empty((len(rows), self.k), np.int64)
        for start in range(0, len(rows), _EXACT_ROWS):
            part = slice(start, start + _EXACT_ROWS)
            result[part] = _exact_part(rows, self.keys[part], start, candidates, ranks, within, self.k)
        return result


def reached(scores: np.ndarray, n: int, axis: int) -> np.ndarray:
    """Returns a lower bound, which is cheap to compute, of the n-th largest score along ``axis``: float32.

    It is the n-th largest maximum over interleaved lanes, or -2 if there are fewer than n scores.
    """
    depth, n_lanes = scores.shape[axis] // (4 * n), 4 * n
    if depth < 2:
        depth, n_lanes = 1, scores.shape[axis]
    if n_lanes < n:
        return np.full(scores.shape[1 - axis], -2, np.float32)
    if axis == 1:
        maxima = scores[:, : depth * n_lanes].reshape(-1, depth, n_lanes).max(axis=1)
    else:
        maxima = scores[: depth * n_lanes].reshape(depth, n_lanes, -1).max(axis=0).T.copy()
    bound = np.partition(maxima, n_lanes - n, axis=1)[:, n_lanes - n]
    return np.maximum(bound, np.float32(-2))


def _exact_part(
    rows: Rows, keys: np.ndarray, first: int, candidates: Rows, ranks: np.ndarray, within: bool, k: int
) -> np.ndarray:
    """Returns exact keys (n, k) of the rows ``first``, ``first + 1``, … with the short lists ``keys`` (n, length)."""
    keys = np.sort(keys, axis=1)
    distance = keys >> 32
    # An entry may belong to the k nearest if its cosine, rounded, may reach that of the k-th by score.
    margin = (2 * score_error(rows.width) + 1 / STEPS) * _SCALE
    possible = (distance <= distance[:, k - 1 : k] + margin) & (keys != EMPTY)
    crowded = np.flatnonzero(possible[:, -1])
    possible[crowded] = False
    i, place = np.nonzero(possible)
    j = keys[i, place] & _LOW
    exact = np.full(keys.shape, EMPTY, np.int64)
    exact[i, place] = exact_keys(exact_steps(rows, candidates, first + i, j), ranks[j])
    exact.sort(axis=1)
    if len(crowded):
        exact[crowded, :k] = nearest_exactly(rows, first + crowded, candidates, ranks, within, k)
    return exact[:, :k]


def exact_keys(steps: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Returns keys that sort by (-cosine, rank of the candidate's id)."""
    keys: np.ndarray = (STEPS - steps) << 32 | ranks
    return keys


def split_keys(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the steps and the ranks of exact keys."""
    return STEPS - (keys >> 32), keys & _LOW


def nearest_exactly(
    rows: Rows, some: np.ndarray, candidates: Rows, ranks: np.ndarray, within: bool, k: int
) -> np.ndarray:
    """Returns exact keys of the k nearest candidates of ``rows[some]``: (len(some), k) int64.

    It multiplies them with all candidates in float64.
    """
    best = np.full((len(some), k), EMPTY, np.int64)
    for start in range(0, len(candidates), _EXACT_CANDIDATES):
        part = slice(start, start + _EXACT_CANDIDATES)
        keys = exact_keys(exact_block(rows[some], candidates[part]), ranks[part])
        if within:
            inside = np.flatnonzero((some >= start) & (some < start + _EXACT_CANDIDATES))
            keys[inside, some[inside] - start] = EMPTY
        keys = np.concatenate([best, keys], axis=1)
        keys.partition(k - 1, axis=1)
        best = keys[:, :k]
    best.sort(axis=1)
    return best
