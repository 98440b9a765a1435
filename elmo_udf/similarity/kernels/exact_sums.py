"""Sums of vectors and of their products that do not depend on the order of the rows, nor on how they are divided.

Sums of floats depend on it by rounding, and a correction fit on them would be another one on another partitioning. So
values are taken as whole numbers, of 37 bits and a sign, whose products are summed without any rounding: in two parts
each, of 16 and of 21 bits, so that the products of some thousand rows are exact in float64 (and its BLAS).
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
    """The least and the greatest value of some vectors in each dimension: (D,) float64 each."""

    least: np.ndarray
    greatest: np.ndarray

    @staticmethod
    def of(vectors: np.ndarray) -> Bounds:
        """Bounds of rows (n, D), n >= 1."""
        return Bounds(vectors.min(axis=0).astype(np.float64), vectors.max(axis=0).astype(np.float64))

    def __add__(self, other: Bounds) -> Bounds:
        return Bounds(np.minimum(self.least, other.least), np.maximum(self.greatest, other.greatest))


@dataclass(frozen=True, eq=False)
class Grid:
    """What values are taken as: pilot + a whole number of steps of 2^exponent each.

    pilot: (D,) float64, in the middle of the vectors, so that no digits are lost where all have much in common.
    """

    pilot: np.ndarray
    exponent: int

    @staticmethod
    def of(bounds: Bounds) -> Grid:
        """For vectors within these bounds."""
        pilot = bounds.least / 2 + bounds.greatest / 2
        farthest = np.max(bounds.greatest / 2 - bounds.least / 2)
        return Grid(pilot, int(np.frexp(farthest)[1]) - _HIGH_BITS - _LOW_BITS)


@dataclass(frozen=True, eq=False)
class ExactSums:
    """Sums over n rows, in steps of a grid; exact for up to 2^31 rows.

    total: (2, D) int64, high and low part: Σx = total[0]·2^21 + total[1].
    products: (2, D, D) int64: Σxxᵀ = products[0]·2^42 + products[1].
    """

    n: int
    total: np.ndarray
    products: np.ndarray

    @staticmethod
    def of(vectors: np.ndarray, grid: Grid) -> ExactSums:
        """Sums of rows (n, D), n >= 1, finite, of any float type."""
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
        """Count, mean and scatter in float64."""
        sums = np.ldexp(self.total[0].astype(np.float64), _LOW_BITS) + self.total[1]
        products = np.ldexp(self.products[0].astype(np.float64), _LIMB_BITS) + self.products[1]
        scatter = np.ldexp(products - np.outer(sums, sums) / self.n, 2 * grid.exponent)
        return Moments(self.n, grid.pilot + np.ldexp(sums / self.n, grid.exponent), scatter)


def moments_of(vectors: np.ndarray) -> Moments:
    """Moments of rows (n, D), n >= 1, finite, of any float type: the same ones in any order of the rows."""
    grid = Grid.of(Bounds.of(vectors))
    return ExactSums.of(vectors, grid).moments(grid)


def _carried(tops: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(2, D, D): the low part brought below 2^42, what is above it added to the high part."""
    return np.stack([tops + (rest >> _LIMB_BITS), rest & (1 << _LIMB_BITS) - 1])
