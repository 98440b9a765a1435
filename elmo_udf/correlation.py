"""Correlation coefficients, by SciPy: NaN, and no warning, where there is none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation of (n,) and (n,); NaN where one of them is constant, or n < 2."""
    from scipy.stats import pearsonr

    return _statistic(pearsonr, x, y)


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation of (n,) and (n,), where ties share their mean rank; NaN as for :func:`pearson`."""
    from scipy.stats import spearmanr

    return _statistic(spearmanr, x, y)


def _statistic(correlate: Callable[..., Any], x: np.ndarray, y: np.ndarray) -> float:
    from scipy.stats import ConstantInputWarning

    if len(x) < 2:
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        return float(correlate(x, y).statistic)
