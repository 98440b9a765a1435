"""Computes correlation coefficients with SciPy. They are NaN, without a warning, if they are not defined."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Returns Pearson's correlation of two arrays of shape (n,), or NaN if one of them is constant or n < 2."""
    from scipy.stats import pearsonr

    return _statistic(pearsonr, x, y)


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Returns Spearman's rank correlation of two arrays of shape (n,), or NaN as in :func:`pearson`.

    Equal values share the mean of their ranks.
    """
    from scipy.stats import spearmanr

    return _statistic(spearmanr, x, y)


def _statistic(correlate: Callable[..., Any], x: np.ndarray, y: np.ndarray) -> float:
    from scipy.stats import ConstantInputWarning

    if len(x) < 2:
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        return float(correlate(x, y).statistic)
