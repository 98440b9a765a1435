"""Computes cosines of rows: fast float32 products with a proven error bound, and exact values for the results.

The exact cosine of two rows is x·y / (‖x‖‖y‖) of their original values in float64, rounded to 1e-6. It is stored as a
whole number of *steps* of 1e-6, from -1,000,000 to 1,000,000, so that equal cosines are equal numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STEPS = 1_000_000
"""The number of steps in a cosine of 1."""

_CHUNK_VALUES = 1 << 18
"""Number of values that are processed at a time while rows are gathered: 2 MiB in float64, about a core's cache."""


@dataclass(frozen=True)
class Rows:
    """Vectors to compare.

    Attributes:
        values: The vectors as in the table, except for a power of two per row (see ``scale_rows``), float32 or
            float64, shape (n, width).
        norms: Their norms, float64, shape (n,), which are never 0.
    """

    values: np.ndarray
    norms: np.ndarray

    @staticmethod
    def of(values: np.ndarray) -> Rows:
        """Returns rows (n, width) with their norms, summed in float64."""
        norms = np.empty(len(values))
        for part in _chunks(len(values), values.shape[1]):
            wide = values[part].astype(np.float64)
            norms[part] = np.sqrt((wide * wide).sum(axis=1))
        return Rows(values, norms)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, part: slice | np.ndarray) -> Rows:
        return Rows(self.values[part], self.norms[part])

    @property
    def width(self) -> int:
        """The number of values in a row."""
        return int(self.values.shape[1])


def scale_rows(values: np.ndarray) -> np.ndarray:
    """Returns rows (n, width), each multiplied with a power of two so that its largest magnitude is in [0.5, 1).

    This is exact, so it changes no cosine, and no square can overflow or underflow. Rows must be finite and not zero.
    """
    exponents = -np.frexp(np.abs(values).max(axis=1))[1]
    half = exponents // 2  # in two steps, since 2^exponent may be out of range where the result is not
    one = values.dtype.type(1)
    scaled: np.ndarray = values * np.ldexp(one, half)[:, None] * np.ldexp(one, exponents - half)[:, None]
    return scaled


def unit_rows(rows: Rows) -> np.ndarray:
    """Returns the rows scaled to unit length, (n, width) float32. Each value is divided in float64 and rounded once."""
    unit = np.empty(rows.values.shape, np.float32)
    for part in _chunks(len(rows), rows.width):
        unit[part] = rows.values[part] / rows.norms[part, None]
    return unit


def score_error(width: int) -> float:
    """Returns a bound on |product of float32 unit rows - cosine| for every order of summation.

    It is γ_n of Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1, for n = width, plus 2 u
    for the rounding of the two unit rows, plus 6 u of slack for what is done with a score here; u = 2^-24.
    """
    return _gamma(width + 8, 2.0**-24)


def product_error(width: int) -> float:
    """Returns a bound on the error of a product of unit rows in float64, like ``score_error``."""
    return _gamma(width + 8, 2.0**-53)


def exact_steps(left: Rows, right: Rows, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Returns the exact cosines of the pairs (left[i], right[j]) in steps: (n_pairs,) int64.

    Each row is summed in one fixed order. So the result for a pair depends only on its two rows, and is the same for
    (i, j) and (j, i).
    """
    steps = np.empty(len(i), np.int64)
    for part in _chunks(len(i), left.width):
        a, b = i[part], j[part]
        products = left.values[a].astype(np.float64)
        products *= right.values[b]
        steps[part] = _round(products.sum(axis=1) / (left.norms[a] * right.norms[b]))
    return steps


def exact_block(left: Rows, right: Rows) -> np.ndarray:
    """Returns the exact cosines of all pairs in steps, (n_left, n_right) int64, from a matrix product in float64.

    The product sums in another order than ``exact_steps``. Where this could change the rounded result, ``exact_steps``
    computes the pair again.
    """
    cosines = left.values.astype(np.float64) @ right.values.astype(np.float64).T
    cosines /= left.norms[:, None]
    cosines /= right.norms
    cosines *= STEPS
    steps = np.rint(cosines)
    cosines -= steps  # distance to the step, in steps: ±0.5 is half way to the next
    i, j = np.nonzero(np.abs(cosines) > 0.5 - 4 * STEPS * product_error(left.width))
    whole: np.ndarray = np.clip(steps, -STEPS, STEPS).astype(np.int64)
    whole[i, j] = exact_steps(left, right, i, j)
    return whole


def cosine_of(steps: np.ndarray) -> np.ndarray:
    """Returns steps as float64 cosines, each the nearest to the decimal number."""
    cosines: np.ndarray = steps / STEPS
    return cosines


def _round(cosines: np.ndarray) -> np.ndarray:
    steps: np.ndarray = np.rint(np.clip(cosines, -1.0, 1.0) * STEPS).astype(np.int64)
    return steps


def _gamma(n: int, unit_roundoff: float) -> float:
    return n * unit_roundoff / (1 - n * unit_roundoff)


def _chunks(n_rows: int, width: int) -> list[slice]:
    rows = max(1, _CHUNK_VALUES // width)
    return [slice(start, min(start + rows, n_rows)) for start in range(0, n_rows, rows)]
