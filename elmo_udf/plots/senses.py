"""Draws the occurrences of one word in two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from elmo_udf.plots.figure import describe, new_figure, save

_MARKERS = "osD^vP*X<>"
OTHER = "other"


def draw_senses(
    places: np.ndarray,
    clusters: np.ndarray,
    names: Sequence[str],
    shares: np.ndarray,
    path: str | Path,
    title: str,
    senses: Sequence[str] | None = None,
) -> None:
    """Draws n occurrences at ``places`` (n, 2), colored by their cluster (n,) from 0, with markers by their sense.

    Args:
        names: The legend's name for each of the k <= 10 clusters.
        shares: The shares of the variance for the two axes, shape (2,).
        senses: N names. If there are more senses than markers, the rarest share one.
    """
    figure = new_figure(9.5, 5.2)
    axes = figure.add_subplot()
    marks = _marks(senses) if senses is not None else {"": "o"}
    kinds = np.array([sense if sense in marks else OTHER for sense in senses]) if senses is not None else None
    for cluster, name in enumerate(names):
        axes.scatter([], [], color=f"C{cluster}", label=name)
        for kind, marker in marks.items():
            here = (clusters == cluster) & (kinds == kind if kinds is not None else True)
            x, y = places[here, 0], places[here, 1]
            axes.scatter(x, y, color=f"C{cluster}", marker=marker, s=30, alpha=0.75, linewidths=0)
    if senses is not None:
        for kind, marker in marks.items():
            axes.scatter([], [], color="0.5", marker=marker, label=f"known as: {kind}")
    across, up = (f"principal component ({share:.0%} of the variance)" for share in shares)
    describe(axes, title, f"first {across}", f"second {up}")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8, labelspacing=1.2)
    save(figure, path)


def _marks(senses: Sequence[str]) -> dict[str, str]:
    """Returns a marker for every sense, the most frequent first."""
    names, counts = np.unique(np.asarray(senses), return_counts=True)
    ordered = [str(name) for name in names[np.lexsort((names, -counts))]]
    if len(ordered) > len(_MARKERS):
        ordered = [*[name for name in ordered if name != OTHER][: len(_MARKERS) - 1], OTHER]
    return dict(zip(ordered, _MARKERS, strict=False))
