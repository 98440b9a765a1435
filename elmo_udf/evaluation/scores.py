"""Measures how well the cosines of pairs agree with people's judgements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from elmo_udf.errors import UserError


def check_scores(scores: np.ndarray, what: str) -> None:
    """Raises UserError if no correlation is defined: for fewer than two pairs, or if all labels are equal."""
    n_values = len(np.unique(scores))
    if n_values < 2:
        raise UserError(
            f"{what} has {len(scores):,} usable pairs with {n_values} different labels, expected at least two; "
            "check the label column"
        )


@dataclass(frozen=True)
class Threshold:
    """A threshold, at or above which pairs count as positive, and how well that agrees with their labels."""

    cosine: float
    f1: float
    precision: float
    """The share of positive labels among the pairs that count as positive; 0 if there are none, as in scikit-learn."""
    recall: float
    accuracy: float
    """The share of pairs, positive and negative, that count as their label says."""


def at_threshold(cosines: np.ndarray, is_positive: np.ndarray, threshold: float) -> Threshold:
    """Returns how well a threshold separates pairs with cosines (n,) float and labels (n,) bool."""
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    found = cosines >= threshold
    precision, recall, f1, _ = precision_recall_fscore_support(is_positive, found, average="binary", zero_division=0)
    return Threshold(threshold, float(f1), float(precision), float(recall), float(accuracy_score(is_positive, found)))


def best_threshold(cosines: np.ndarray, is_positive: np.ndarray) -> Threshold:
    """Returns the cosine with the best F1, the highest one if there are several.

    The cosines are (n,) float and the labels (n,) bool, with both classes. The threshold is chosen on the pairs on
    which it is measured, so F1 will be slightly lower on others.
    """
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = (part[::-1] for part in precision_recall_curve(is_positive, cosines))
    precision, recall = precision[1:], recall[1:]  # without the end at which no pair is positive
    f1 = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    best = int(np.argmax(f1.round(12)))  # the first of equal ones, however they were rounded
    return at_threshold(cosines, is_positive, float(thresholds[best]))


def all_positive(is_positive: np.ndarray) -> dict[str, float]:
    """Returns the accuracy and F1 of calling every pair positive, which needs no cosine, for labels (n,) bool."""
    share = float(np.mean(is_positive))
    return {"accuracy": share, "f1": 2 * share / (1 + share)}
