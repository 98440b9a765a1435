"""Computes precision, recall and F1 from a confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scores:
    """How well rows were classified, from counts alone."""

    confusion: np.ndarray
    """The number of rows of class i that were predicted as class j: int, shape (K, K)."""
    precision: np.ndarray
    """The share of rows predicted as a class that belong to it, or 0 if there are none: (K,)."""
    recall: np.ndarray
    """The share of rows of a class that were predicted as it, or 0 if there are none: (K,)."""
    f1: np.ndarray
    """The harmonic mean of precision and recall, or 0 if both are 0: (K,)."""
    accuracy: float

    @staticmethod
    def of(confusion: np.ndarray) -> Scores:
        """Returns the scores for the confusion matrix (K, K) of at least one row."""
        from sklearn.metrics import precision_recall_fscore_support

        true, found = np.indices(confusion.shape).reshape(2, -1)
        precision, recall, f1, _ = precision_recall_fscore_support(
            true, found, sample_weight=confusion.ravel(), zero_division=0
        )
        return Scores(confusion, precision, recall, f1, float(np.trace(confusion) / confusion.sum()))
