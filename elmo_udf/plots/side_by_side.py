"""Draws two similarity matrices of the same documents side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elmo_udf.plots.figure import describe, new_figure, save
from elmo_udf.plots.heatmap import MAX_NUMBERED, label_axes, number_cells, similar_side_by_side

_NOTHING = "0.85"  # light grey


@dataclass(frozen=True)
class Panel:
    """One symmetric matrix of cosines (n, n), with NaN for missing values, and its title."""

    title: str
    cosines: np.ndarray


def side_by_side(labels: Sequence[str], left: Panel, right: Panel, path: str | Path, title: str) -> None:
    """Draws both matrices in the order that places documents side by side that are similar in the left one.

    Args:
        labels: N >= 2 names, which are shown on the axes if n is at most ``MAX_LABELS``. The cells of a matrix of at
            most ``MAX_NUMBERED`` documents contain their numbers.

    Each matrix has its own color scale, from its lowest to its highest value. The diagonal is always 1, so it is left
    out.
    """
    order = similar_side_by_side(np.nan_to_num(left.cosines))
    n = len(order)
    inches = float(np.clip((0.36 if n <= MAX_NUMBERED else 0.17) * n, 3.6, 9))
    figure = new_figure(2 * inches + 8, inches + 3)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    first, second = figure.subplots(1, 2)
    for axes, panel in ((first, left), (second, right)):
        _draw(figure, axes, panel, labels, order)
    save(figure, path)


def _draw(figure: Any, axes: Any, panel: Panel, labels: Sequence[str], order: np.ndarray) -> None:
    n = len(order)
    shown = np.ma.masked_invalid(panel.cosines[np.ix_(order, order)])
    shown[np.diag_indices(n)] = np.ma.masked
    axes.set_facecolor(_NOTHING)
    image = axes.imshow(shown, cmap="viridis", interpolation="nearest")
    figure.colorbar(image, ax=axes, label="cosine", shrink=0.75)
    describe(axes, panel.title, f"{n} documents, in one order everywhere; diagonal left out")
    label_axes(axes, labels, order, labels, order)
    number_cells(axes, shown)
