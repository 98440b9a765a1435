"""Counts the cosines of a comparison in narrow bins, to choose a threshold and to estimate the size of a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elmo_udf.similarity.kernels.cosine import STEPS

BIN_STEPS = 100
"""The number of steps in a bin, which is 1e-4 of cosine."""
N_BINS = 2 * STEPS // BIN_STEPS + 1
QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1.0)


def bins_of(steps: np.ndarray) -> np.ndarray:
    """Returns the bin of each cosine in steps. Bin b contains the cosines from -1 + b / 10,000 on."""
    return (steps + STEPS) // BIN_STEPS


@dataclass(frozen=True, eq=False)
class Histogram:
    """The cosines of some pairs of rows, and the number of all pairs.

    Attributes:
        counts: The number of pairs in each bin, (N_BINS,) int64.
        total: The number of pairs in the whole comparison, each counted once.
    """

    counts: np.ndarray
    total: int

    @property
    def n_seen(self) -> int:
        """The number of pairs that were counted."""
        return int(self.counts.sum())

    @property
    def edges(self) -> np.ndarray:
        """The edges of the bins, (N_BINS + 1,) float64.

        Bin b contains cosines from edges[b] up to, but without, edges[b + 1].
        """
        return (np.arange(N_BINS + 1) * BIN_STEPS - STEPS) / STEPS

    def quantiles(self, wanted: Sequence[float] = QUANTILES) -> dict[str, float]:
        """Returns the quantiles of the cosines by the name of their share, accurate to 1e-4."""
        if self.n_seen == 0:
            return {}
        ranks = np.maximum(1, np.ceil(np.array(wanted) * self.n_seen))
        found = np.searchsorted(np.cumsum(self.counts), ranks)
        return {f"{share:g}": float(self.edges[bin]) for share, bin in zip(wanted, found, strict=True)}

    def estimate(self, threshold: float) -> float:
        """Returns the estimated number of pairs in the whole comparison that reach the threshold.

        The threshold is rounded up to the next edge of a bin.
        """
        first = -(-(round(threshold * STEPS) + STEPS) // BIN_STEPS)
        return float(self._estimates()[first])

    def threshold_for(self, most: int) -> float | None:
        """Returns the lowest threshold that about ``most`` pairs reach, or None if more pairs have a cosine of 1."""
        fits = np.flatnonzero(self._estimates() <= most)
        return float(self.edges[fits[0]]) if len(fits) else None

    def _estimates(self) -> np.ndarray:
        """Returns the number of pairs at or above the lower edge of each bin: (N_BINS,) float64."""
        return self.counts[::-1].cumsum()[::-1] * (self.total / max(1, self.n_seen))
