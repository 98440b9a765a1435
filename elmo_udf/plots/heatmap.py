"""Draws heatmaps of similarity matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from elmo_udf.plots.figure import describe, new_figure, save

MAX_LABELS = 80  # more would overlap at a readable size
MAX_LABEL_CHARACTERS = 40


def similarity_heatmap(
    ids: Sequence[str], cosines: np.ndarray, path: str | Path, title: str, column_ids: Sequence[str] | None = None
) -> None:
    """Draws a matrix of cosines, with rows and columns in an order that places similar documents side by side.

    Args:
        ids: N names, which are shown beside the rows if n is at most ``MAX_LABELS``.
        cosines: A float array, shape (n, m), with n and m >= 2. The colors range from its lowest to its highest value.
        column_ids: M names. Without them the matrix is symmetric, and rows and columns have the same ids and order.
    """
    order = similar_side_by_side(cosines) if column_ids is None else alike(cosines)
    columns = order if column_ids is None else alike(cosines.T)
    n, m = cosines.shape
    width, height = (float(np.clip(0.17 * size, 4, 9)) for size in (m, n))
    figure = new_figure(width + 4, height + 1)
    axes = figure.add_subplot()
    in_order = cosines[np.ix_(order, columns)]
    square = column_ids is None
    image = axes.imshow(in_order, cmap="viridis", interpolation="nearest", aspect="equal" if square else "auto")
    figure.colorbar(image, ax=axes, label="cosine", shrink=0.6)
    same = "columns: the same documents in the same order" if n <= MAX_LABELS else f"{n} documents"
    describe(axes, title, same if column_ids is None else f"{m} documents of the other table")
    _label(axes.set_yticks, ids, order, {})
    _label(axes.set_xticks, column_ids or (), columns if column_ids else (), {"rotation": 90})
    axes.tick_params(length=0)
    save(figure, path)


def _label(set_ticks: Callable[..., object], names: Sequence[str], order: Sequence[int] | np.ndarray, how: Any) -> None:
    shown = range(len(order)) if len(order) <= MAX_LABELS else ()
    set_ticks(shown, [shortened(names[order[place]]) for place in shown], fontsize=8, **how)


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
