"""Matrix products of unit rows, tile by tile, into one buffer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from elmo_udf.similarity.cosine import Rows, unit_rows


@dataclass(frozen=True)
class Tile:
    """Scores of some left rows with some right rows.

    scores: (n, m) float32, scores[a, b] of left row ``top + a`` and right row ``side + b``. The memory is used again
    for the next tile.
    diagonal: the tile compares rows with themselves (top == side).
    """

    scores: np.ndarray
    top: int
    side: int
    diagonal: bool


def tiles(left: Rows, right: Rows | None, tile_rows: int) -> Iterator[Tile]:
    """Every tile of left × right; without right, those of left × left on and above the diagonal."""
    unit_left = unit_rows(left)
    n_right = len(left) if right is None else len(right)
    buffer = np.empty(min(tile_rows, len(left)) * min(tile_rows, n_right), np.float32)
    for side in range(0, n_right, tile_rows):
        columns = slice(side, side + tile_rows)
        unit_right = unit_left[columns] if right is None else unit_rows(right[columns])
        stop = side + 1 if right is None else len(left)
        for top in range(0, stop, tile_rows):
            unit_top = unit_left[top : top + tile_rows]
            scores = _view(buffer, len(unit_top), len(unit_right))
            np.matmul(unit_top, unit_right.T, out=scores)
            yield Tile(scores, top, side, diagonal=right is None and top == side)


def _view(buffer: np.ndarray, n_rows: int, n_columns: int) -> np.ndarray:
    """A contiguous (n_rows, n_columns) array in the buffer's memory."""
    return buffer[: n_rows * n_columns].reshape(n_rows, n_columns)
