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
    """A threshold: pairs at or above ``cosine`` count as positive. It has the precision, the recall and their F1."""

    cosine: float
    f1: float
    precision: float
    recall: float


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
    return Threshold(float(thresholds[best]), float(f1[best]), float(precision[best]), float(recall[best]))
