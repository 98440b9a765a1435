"""Draws heatmaps of similarity matrices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from elmo_udf.plots.figure import describe, new_figure, save

MAX_LABELS = 80  # more would overlap at a readable size
MAX_LABEL_CHARACTERS = 40
MAX_NUMBERED = 16
"""Largest number of rows and of columns whose cells have room for a number."""


def similarity_heatmap(
    ids: Sequence[str], cosines: np.ndarray, path: str | Path, title: str, column_ids: Sequence[str] | None = None
) -> None:
    """Draws a matrix of cosines, with rows and columns in an order that places similar documents side by side.

    Args:
        ids: N names, which are shown on the axes if n is at most ``MAX_LABELS``. The cells of a matrix of at most
            ``MAX_NUMBERED`` rows and columns contain their numbers.
        cosines: A float array, shape (n, m), with n and m >= 2. The colors range from its lowest to its highest value.
        column_ids: M names. Without them the matrix is symmetric, and rows and columns have the same ids and order.
    """
    order = similar_side_by_side(cosines) if column_ids is None else alike(cosines)
    columns = order if column_ids is None else alike(cosines.T)
    n, m = cosines.shape
    inches = 0.36 if max(n, m) <= MAX_NUMBERED else 0.17
    width, height = (float(np.clip(inches * size, 4, 9)) for size in (m, n))
    figure = new_figure(width + 4, height + 1)
    axes = figure.add_subplot()
    in_order = cosines[np.ix_(order, columns)]
    square = column_ids is None
    image = axes.imshow(in_order, cmap="viridis", interpolation="nearest", aspect="equal" if square else "auto")
    figure.colorbar(image, ax=axes, label="cosine", shrink=0.6)
    describe(axes, title, f"{n} documents" if square else f"{m} documents of the other table")
    label_axes(axes, ids, order, ids if column_ids is None else column_ids, columns)
    number_cells(axes, in_order)
    save(figure, path)


def label_axes(
    axes: Any,
    ids: Sequence[str],
    order: Sequence[int] | np.ndarray,
    column_ids: Sequence[str],
    column_order: Sequence[int] | np.ndarray,
) -> None:
    """Writes the names beside the rows and below the columns, which are in these orders, if there is room for them."""
    for set_ticks, names, places, how in (
        (axes.set_yticks, ids, order, {}),
        (axes.set_xticks, column_ids, column_order, {"rotation": 90}),
    ):
        shown = places if len(places) <= MAX_LABELS else ()
        set_ticks(range(len(shown)), [shortened(names[place]) for place in shown], fontsize=8, **how)
    axes.tick_params(length=0)


def number_cells(axes: Any, cosines: np.ndarray) -> None:
    """Writes the cosines (n, m) into the cells of a small matrix, without those that are masked or NaN."""
    if max(cosines.shape) > MAX_NUMBERED:
        return
    values = np.ma.masked_invalid(cosines)
    middle = (values.min() + values.max()) / 2
    for (i, j), value in np.ndenumerate(values):
        if not np.ma.getmaskarray(values)[i, j]:
            colour = "white" if value < middle else "black"  # of viridis the low end is dark
            axes.text(j, i, f"{round(float(value), 2) + 0.0:.2f}", ha="center", va="center", fontsize=7, color=colour)


def alike(cosines: np.ndarray) -> np.ndarray:
    """Returns the order of the leaves of an average-linkage tree over the distances between rows: int, shape (n,)."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    leaves: np.ndarray = leaves_list(linkage(cosines, "average", optimal_ordering=True))
    return leaves


def similar_side_by_side(cosines: np.ndarray) -> np.ndarray:
    """Returns the order of the leaves of an average-linkage tree over 1 − cosine, with similar leaves side by side.

    The result is int, shape (n,). It uses optimal leaf ordering (Bar-Joseph, Gifford and Jaakkola 2001).
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distances = np.clip(1 - cosines, 0, None)
    np.fill_diagonal(distances, 0)
    leaves: np.ndarray = leaves_list(linkage(squareform(distances, checks=False), "average", optimal_ordering=True))
    return leaves


def shortened(name: str) -> str:
    """Returns the name, with its middle left out if it is too long for a label."""
    if len(name) <= MAX_LABEL_CHARACTERS:
        return name
    half = (MAX_LABEL_CHARACTERS - 1) // 2
    return f"{name[:half]}…{name[-half:]}"
