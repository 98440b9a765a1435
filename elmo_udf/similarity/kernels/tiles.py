"""Computes matrix products of unit rows, tile by tile, in one buffer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from elmo_udf.similarity.kernels.cosine import Rows, unit_rows


@dataclass(frozen=True)
class Place:
    """The position of a tile: left rows ``top`` to ``top_end``, right rows ``side`` to ``side_end``.

    ``diagonal`` says whether the tile compares rows with themselves.
    """

    top: int
    top_end: int
    side: int
    side_end: int
    diagonal: bool


@dataclass(frozen=True)
class Tile:
    """Scores of some left rows with some right rows.

    Attributes:
        scores: (n, m) float32. scores[a, b] is that of left row ``top + a`` and right row ``side + b``. The next
            tile reuses its memory.
        diagonal: Whether the tile compares rows with themselves (top == side).
    """

    scores: np.ndarray
    top: int
    side: int
    diagonal: bool


def places(n_left: int, n_right: int | None, tile_rows: int) -> Iterator[Place]:
    """Yields the tiles of left × right, column by column (without right: of left × left, on and above the diagonal)."""
    for side in range(0, n_left if n_right is None else n_right, tile_rows):
        side_end = min(side + tile_rows, n_left if n_right is None else n_right)
        for top in range(0, side + 1 if n_right is None else n_left, tile_rows):
            yield Place(top, min(top + tile_rows, n_left), side, side_end, n_right is None and top == side)


def tiles(left: Rows, right: Rows | None, tile_rows: int) -> Iterator[Tile]:
    """Yields the tiles of all ``places``."""
    unit_left = unit_rows(left)
    n_right = len(left) if right is None else len(right)
    buffer = np.empty(min(tile_rows, len(left)) * min(tile_rows, n_right), np.float32)
    side, unit_right = -1, unit_left
    for place in places(len(left), None if right is None else n_right, tile_rows):
        if place.side != side:
            side, columns = place.side, slice(place.side, place.side_end)
            unit_right = unit_left[columns] if right is None else unit_rows(right[columns])
        unit_top = unit_left[place.top : place.top_end]
        scores = _view(buffer, len(unit_top), len(unit_right))
        np.matmul(unit_top, unit_right.T, out=scores)
        yield Tile(scores, place.top, place.side, place.diagonal)


def full_tile(left: Rows, right: Rows, place: Place) -> Tile:
    """Returns a single tile."""
    unit_top, unit_side = unit_rows(left[place.top : place.top_end]), unit_rows(right[place.side : place.side_end])
    return Tile(unit_top @ unit_side.T, place.top, place.side, place.diagonal)


def _view(buffer: np.ndarray, n_rows: int, n_columns: int) -> np.ndarray:
    """Returns a contiguous (n_rows, n_columns) array in the buffer's memory."""
    return buffer[: n_rows * n_columns].reshape(n_rows, n_columns)
