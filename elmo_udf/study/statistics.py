"""Computes statistics of accuracies: means, deviations and a paired comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def spread(values: Sequence[float]) -> dict[str, float | None]:
    """Returns the mean, the sample standard deviation (with n − 1; None for one value), the lowest and the highest."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "deviation": deviation, "min": min(values), "max": max(values)}


def paired_test(before: Sequence[float], after: Sequence[float], confidence: float = 0.95) -> dict[str, Any]:
    """Compares two accuracies per repeat. Returns the mean of ``after − before``, and whether it could be chance.

    The interval of the mean is Student's for paired samples. p is that of Wilcoxon's two-sided signed-rank test, which
    leaves out differences of 0 (Wilcoxon 1945). A value that needs two repeats, or a difference other than 0, is None
    without them.
    """
    from scipy import stats

    differences = np.round(np.asarray(after, np.float64) - np.asarray(before, np.float64), 9)  # equal ranks stay equal
    result: dict[str, Any] = {
        "mean_difference": float(differences.mean()),
        "confidence": confidence,
        "interval_low": None,
        "interval_high": None,
        "wilcoxon_statistic": None,
        "wilcoxon_p": None,
        "n_better": int((differences > 0).sum()),
        "n_equal": int((differences == 0).sum()),
        "n_worse": int((differences < 0).sum()),
    }
    if len(differences) > 1 and np.ptp(differences):
        interval = stats.ttest_1samp(differences, 0).confidence_interval(confidence)
        result |= {"interval_low": float(interval.low), "interval_high": float(interval.high)}
    elif len(differences) > 1:
        result |= {"interval_low": result["mean_difference"], "interval_high": result["mean_difference"]}
    if differences.any():
        test = stats.wilcoxon(differences)
        result |= {"wilcoxon_statistic": float(test.statistic), "wilcoxon_p": float(test.pvalue)}
    return result
