"""Draws two similarity matrices of the same documents side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elmo_udf.plots.figure import describe, new_figure, save
from elmo_udf.plots.heatmap import MAX_LABELS, shortened, similar_side_by_side

MAX_NUMBERED = 40  # columns whose numbers have room beside each other
_NOTHING = "0.85"  # light grey


@dataclass(frozen=True)
class Panel:
    """One symmetric matrix of cosines (n, n), with NaN for missing values, and its title."""

    title: str
    cosines: np.ndarray


def side_by_side(labels: Sequence[str], left: Panel, right: Panel, path: str | Path, title: str) -> None:
    """Draws both matrices in the order that places documents side by side that are similar in the left one.

    Args:
        labels: N >= 2 names, which are shown beside the rows of the left matrix if n is at most ``MAX_LABELS``.

    Each matrix has its own color scale, from its lowest to its highest value. The diagonal is always 1, so it is left
    out.
    """
    order = similar_side_by_side(np.nan_to_num(left.cosines))
    n = len(order)
    inches = float(np.clip(0.24 * n, 3.6, 7))
    figure = new_figure(2 * inches + 5, inches + 0.9)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    first, second = figure.subplots(1, 2)
    for axes, panel in ((first, left), (second, right)):
        _draw(figure, axes, panel, order)
    if n <= MAX_LABELS:
        names = [f"{shortened(labels[row])}  {place}" for place, row in enumerate(order, 1)]
        first.set_yticks(range(n), names, fontsize=8)
    save(figure, path)


def _draw(figure: Any, axes: Any, panel: Panel, order: np.ndarray) -> None:
    n = len(order)
    shown = np.ma.masked_invalid(panel.cosines[np.ix_(order, order)])
    shown[np.diag_indices(n)] = np.ma.masked
    axes.set_facecolor(_NOTHING)
    image = axes.imshow(shown, cmap="viridis", interpolation="nearest")
    figure.colorbar(image, ax=axes, label="cosine", shrink=0.75)
    numbered = range(n) if n <= MAX_NUMBERED else ()
    axes.set_xticks(numbered, [str(place + 1) for place in numbered], fontsize=7)
    axes.set_yticks(numbered, [str(place + 1) for place in numbered], fontsize=7)
    describe(axes, panel.title, f"{n} documents, in one order everywhere; diagonal left out")
    axes.tick_params(length=0)
