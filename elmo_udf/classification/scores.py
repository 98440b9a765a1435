"""Precision, recall and F1 from a confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scores:
    """How well rows were classified, from counts alone."""

    confusion: np.ndarray
    """(K, K) int: rows of class i that were taken for class j."""
    precision: np.ndarray
    """(K,) of those taken for a class, the share that is of it; 0 where there are none."""
    recall: np.ndarray
    """(K,) of those of a class, the share that was found; 0 where there are none."""
    f1: np.ndarray
    """(K,) harmonic mean of the two; 0 where both are."""
    accuracy: float

    @staticmethod
    def of(confusion: np.ndarray) -> Scores:
        """From the confusion matrix (K, K) of at least one row."""
        from sklearn.metrics import precision_recall_fscore_support

        true, found = np.indices(confusion.shape).reshape(2, -1)
        precision, recall, f1, _ = precision_recall_fscore_support(
            true, found, sample_weight=confusion.ravel(), zero_division=0
        )
        return Scores(confusion, precision, recall, f1, float(np.trace(confusion) / confusion.sum()))
