"""How well the cosines of pairs agree with people's judgements."""

from __future__ import annotations

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
