"""How well the cosines of pairs agree with people's judgements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from elmo_udf.errors import UserError


def check_scores(scores: np.ndarray, what: str) -> None:
    """Raise UserError where no correlation is defined: fewer than two pairs, or one and the same label for all."""
    n_values = len(np.unique(scores))
    if n_values < 2:
        raise UserError(
            f"{what} has {len(scores):,} usable pairs with {n_values} different labels, expected at least two; "
            "check the label column"
        )


@dataclass(frozen=True)
class Threshold:
    """Pairs at or above ``cosine`` count as positive; precision, recall and their harmonic mean F1 of that."""

    cosine: float
    f1: float
    precision: float
    recall: float


def best_threshold(cosines: np.ndarray, is_positive: np.ndarray) -> Threshold:
    """The cosine at which F1 is greatest, the greatest one of several; (n,) float and (n,) bool with both classes.

    It is chosen on the pairs it is measured on, so that on others F1 will be a little less.
    """
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = (part[::-1] for part in precision_recall_curve(is_positive, cosines))
    precision, recall = precision[1:], recall[1:]  # without the end at which no pair is positive
    f1 = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    best = int(np.argmax(f1.round(12)))  # the first of equal ones, however they were rounded
    return Threshold(float(thresholds[best]), float(f1[best]), float(precision[best]), float(recall[best]))
