"""Draws ROC and precision-recall curves of classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elmo_udf.plots.figure import describe, new_figure, save


@dataclass(frozen=True)
class Curve:
    """The curves of one classifier."""

    name: str
    roc: np.ndarray
    """False positive rates and true positive rates, shape (n, 2)."""
    pr: np.ndarray
    """Recall and precision, shape (m, 2)."""
    roc_area: float
    pr_area: float
    at: tuple[float, float]
    """Recall and precision if rows count as positive from a probability of 0.5 on."""


def curves(lines: Sequence[Curve], positive_share: float, path: str | Path, title: str) -> None:
    """Draws all ROC curves in one panel and all precision-recall curves in the other, each with the line of chance."""
    figure = new_figure(10, 4.8)
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="grey", linestyle=":", label="chance, area 0.500")
    right.axhline(positive_share, color="grey", linestyle=":", label=f"chance, area {positive_share:.3f}")
    for number, line in enumerate(lines):
        colour = f"C{number}"
        left.plot(*line.roc.T, color=colour, label=f"{line.name}, area {line.roc_area:.3f}")
        right.plot(*line.pr.T, color=colour, label=f"{line.name}, area {line.pr_area:.3f}")
        right.plot(*line.at, color=colour, marker="o", markeredgecolor="black", linestyle="")
    right.plot(
        [], [], color="white", marker="o", markeredgecolor="black", linestyle="", label="at a probability of 0.5"
    )
    describe(left, "ROC", "false positive rate", "true positive rate")
    describe(right, "Precision and recall", "recall", "precision")
    right.set_ylim(0, 1.02)
    left.legend(loc="lower right", fontsize=8)
    right.legend(loc="lower left", fontsize=8)
    figure.suptitle(title, fontsize=10)
    save(figure, path)
