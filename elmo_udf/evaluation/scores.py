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


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation of (n,) and (n,); NaN where one of them is constant."""
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale > 0 else float("nan")


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation of (n,) and (n,): Pearson's of the ranks, where ties share their mean rank."""
    from scipy.stats import rankdata

    return pearson(rankdata(x), rankdata(y))


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
    order = np.argsort(-cosines, kind="stable")
    sorted_cosines, hits = cosines[order], np.cumsum(is_positive[order])
    last = np.flatnonzero(np.append(np.diff(sorted_cosines) != 0, True))  # equal cosines fall on the same side
    n_taken, n_true, n_positive = last + 1, hits[last], int(is_positive.sum())
    f1 = 2 * n_true / (n_taken + n_positive)
    best = int(np.argmax(f1))
    precision, recall = n_true[best] / n_taken[best], n_true[best] / n_positive
    return Threshold(float(sorted_cosines[last[best]]), float(f1[best]), float(precision), float(recall))
