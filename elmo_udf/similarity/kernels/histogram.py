"""How the cosines of a comparison are spread, counted in narrow bins: to choose a threshold, and to foresee a size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elmo_udf.similarity.kernels.cosine import STEPS

BIN_STEPS = 100
"""Steps in a bin: 1e-4 of cosine."""
N_BINS = 2 * STEPS // BIN_STEPS + 1
QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1.0)


def bins_of(steps: np.ndarray) -> np.ndarray:
    """The bin of each cosine in steps: bin b holds cosines from -1 + b / 10,000, in its lower edge's name."""
    return (steps + STEPS) // BIN_STEPS


@dataclass(frozen=True, eq=False)
class Histogram:
    """Cosines of some pairs of rows, and how many pairs there are in all.

    counts: (N_BINS,) int64. total: pairs in the whole comparison, each once.
    """

    counts: np.ndarray
    total: int

    @property
    def n_seen(self) -> int:
        """Pairs that were counted."""
        return int(self.counts.sum())

    @property
    def edges(self) -> np.ndarray:
        """(N_BINS + 1,) float64: bin b holds cosines from edges[b] up to, and without, edges[b + 1]."""
        return (np.arange(N_BINS + 1) * BIN_STEPS - STEPS) / STEPS

    def quantiles(self, wanted: Sequence[float] = QUANTILES) -> dict[str, float]:
        """The least cosine, to 1e-4 below, that such a share of the pairs does not exceed, by the share's name."""
        if self.n_seen == 0:
            return {}
        ranks = np.maximum(1, np.ceil(np.array(wanted) * self.n_seen))
        found = np.searchsorted(np.cumsum(self.counts), ranks)
        return {f"{share:g}": float(self.edges[bin]) for share, bin in zip(wanted, found, strict=True)}

    def estimate(self, threshold: float) -> float:
        """About how many pairs of the whole comparison reach the threshold (rounded up to the next edge of a bin)."""
        first = -(-(round(threshold * STEPS) + STEPS) // BIN_STEPS)
        return float(self._estimates()[first])

    def threshold_for(self, most: int) -> float | None:
        """The least threshold that about ``most`` pairs reach; None where more have a cosine of 1."""
        fits = np.flatnonzero(self._estimates() <= most)
        return float(self.edges[fits[0]]) if len(fits) else None

    def _estimates(self) -> np.ndarray:
        """(N_BINS,) float64: pairs at or above the lower edge of each bin."""
        return self.counts[::-1].cumsum()[::-1] * (self.total / max(1, self.n_seen))
