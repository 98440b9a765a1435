"""The heatmap of a similarity matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from elmo_udf.plots.figure import new_figure, save

MAX_LABELS = 80  # more would overlap at a readable size
MAX_LABEL_CHARACTERS = 40


def similarity_heatmap(ids: Sequence[str], cosines: np.ndarray, path: str | Path, title: str) -> None:
    """Draw a matrix of cosines, rows and columns in an order that puts similar documents side by side.

    ids: n names, shown at the rows where n is at most ``MAX_LABELS`` (the columns are in the same order).
    cosines: (n, n) float, symmetric, n >= 2. The colours span its least value to its greatest.
    """
    order = similar_side_by_side(cosines)
    n = len(order)
    inches = float(np.clip(0.17 * n, 4, 9))
    figure = new_figure(inches + 4, inches + 1)
    axes = figure.add_subplot()
    image = axes.imshow(cosines[np.ix_(order, order)], cmap="viridis", interpolation="nearest")
    figure.colorbar(image, ax=axes, label="cosine", shrink=0.6)
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel("columns: the same documents in the same order" if n <= MAX_LABELS else f"{n} documents")
    axes.set_xticks([])
    labelled = range(n) if n <= MAX_LABELS else ()
    axes.set_yticks(labelled, [shortened(ids[order[row]]) for row in labelled], fontsize=8)
    axes.tick_params(length=0)
    save(figure, path)


def similar_side_by_side(cosines: np.ndarray) -> np.ndarray:
    """(n,) int: the leaves of an average-linkage tree over 1 − cosine, neighbours in it put next to each other.

    Optimal leaf ordering: Bar-Joseph, Gifford and Jaakkola 2001.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distances = np.clip(1 - cosines, 0, None)
    np.fill_diagonal(distances, 0)
    leaves: np.ndarray = leaves_list(linkage(squareform(distances, checks=False), "average", optimal_ordering=True))
    return leaves


def shortened(name: str) -> str:
    """The name, its middle left out where it is longer than a label may be."""
    if len(name) <= MAX_LABEL_CHARACTERS:
        return name
    half = (MAX_LABEL_CHARACTERS - 1) // 2
    return f"{name[:half]}…{name[-half:]}"
