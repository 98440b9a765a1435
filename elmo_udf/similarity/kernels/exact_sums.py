"""Sums vectors and their products exactly, so that the order and the division of the rows have no effect.

Sums of floats depend on the order by rounding, so a correction that is fitted on them would change with the partitions.
Here, values are converted to whole numbers of 37 bits and a sign, whose products are summed without rounding. Each
number has two parts of 16 and 21 bits, so that the products of some thousand rows are exact in float64 (and its BLAS).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from elmo_udf.similarity.kernels.correction import Moments

_HIGH_BITS, _LOW_BITS = 16, 21
_CHUNK_ROWS = 2048  # a chunk's sums of products stay below 2^53
_LIMB_BITS = 2 * _LOW_BITS


@dataclass(frozen=True, eq=False)
class Bounds:
    """The lowest and the highest value of some vectors in each dimension: (D,) float64 each."""

    least: np.ndarray
    greatest: np.ndarray

    @staticmethod
    def of(vectors: np.ndarray) -> Bounds:
        """Returns the bounds of rows (n, D), n >= 1."""
        return Bounds(vectors.min(axis=0).astype(np.float64), vectors.max(axis=0).astype(np.float64))

    def __add__(self, other: Bounds) -> Bounds:
        return Bounds(np.minimum(self.least, other.least), np.maximum(self.greatest, other.greatest))


@dataclass(frozen=True, eq=False)
class Grid:
    """The conversion of values to whole numbers: a value is the pilot plus a number of steps of 2^exponent.

    ``pilot`` is (D,) float64, in the middle of the vectors, so that no digits are lost if all have much in common.
    """

    pilot: np.ndarray
    exponent: int

    @staticmethod
    def of(bounds: Bounds) -> Grid:
        """Returns the grid for vectors within these bounds."""
        pilot = bounds.least / 2 + bounds.greatest / 2
        farthest = np.max(bounds.greatest / 2 - bounds.least / 2)
        return Grid(pilot, int(np.frexp(farthest)[1]) - _HIGH_BITS - _LOW_BITS)


@dataclass(frozen=True, eq=False)
class ExactSums:
    """Sums over n rows in steps of a grid. They are exact for up to 2^31 rows.

    Attributes:
        total: (2, D) int64, high and low part: Σx = total[0]·2^21 + total[1].
        products: (2, D, D) int64: Σxxᵀ = products[0]·2^42 + products[1].
    """

    n: int
    total: np.ndarray
    products: np.ndarray

    @staticmethod
    def of(vectors: np.ndarray, grid: Grid) -> ExactSums:
        """Returns the sums of rows (n, D), n >= 1, finite, of any float type."""
        parts = [ExactSums._of_chunk(vectors[i : i + _CHUNK_ROWS], grid) for i in range(0, len(vectors), _CHUNK_ROWS)]
        return sum(parts[1:], start=parts[0])

    @staticmethod
    def _of_chunk(vectors: np.ndarray, grid: Grid) -> ExactSums:
        steps = np.rint(np.ldexp(vectors - grid.pilot, -grid.exponent))
        high = np.rint(np.ldexp(steps, -_LOW_BITS))
        low = steps - np.ldexp(high, _LOW_BITS)
        cross = (high.T @ low).astype(np.int64)
        cross += cross.T.copy()
        tops = (high.T @ high).astype(np.int64) + (cross >> _LOW_BITS)
        rest = (low.T @ low).astype(np.int64) + ((cross & (1 << _LOW_BITS) - 1) << _LOW_BITS)
        total = np.stack([high.sum(axis=0), low.sum(axis=0)]).astype(np.int64)
        return ExactSums(len(vectors), total, _carried(tops, rest))

    def __add__(self, other: ExactSums) -> ExactSums:
        tops, rest = self.products + other.products
        return ExactSums(self.n + other.n, self.total + other.total, _carried(tops, rest))

    def moments(self, grid: Grid) -> Moments:
        """Returns the count, the mean and the scatter in float64."""
        sums = np.ldexp(self.total[0].astype(np.float64), _LOW_BITS) + self.total[1]
        products = np.ldexp(self.products[0].astype(np.float64), _LIMB_BITS) + self.products[1]
        scatter = np.ldexp(products - np.outer(sums, sums) / self.n, 2 * grid.exponent)
        return Moments(self.n, grid.pilot + np.ldexp(sums / self.n, grid.exponent), scatter)


def moments_of(vectors: np.ndarray) -> Moments:
    """Returns the moments of finite rows (n, D), n >= 1, of any float type. The order of the rows has no effect."""
    grid = Grid.of(Bounds.of(vectors))
    return ExactSums.of(vectors, grid).moments(grid)


def _carried(tops: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Returns (2, D, D) with the low part below 2^42, and the rest added to the high part."""
    return np.stack([tops + (rest >> _LIMB_BITS), rest & (1 << _LIMB_BITS) - 1])
