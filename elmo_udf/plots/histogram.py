"""Draws histograms of cosines."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from elmo_udf.plots.figure import describe, new_figure, save

BARS = 100
"""Largest number of bars. If the cosines range from -1 to 1, each bar is 0.02 wide."""


def cosine_histogram(
    edges: np.ndarray,
    all_pairs: np.ndarray,
    path: str | Path,
    title: str,
    *,
    kept: tuple[str, np.ndarray] | None = None,
    threshold: float | None = None,
    unit: str = "pairs",
) -> None:
    """Draws the number of pairs at each cosine, on a logarithmic axis.

    Args:
        edges: Ascending cosines, the edges of n narrow bins, shape (n + 1,).
        all_pairs: The number of pairs in each bin, shape (n,).
        kept: A name and numbers of pairs, shape (n,), which are drawn as a line.
        threshold: A cosine to mark.
        unit: The name of what is counted.
    """
    series = [all_pairs, *([kept[1]] if kept else [])]
    filled = np.flatnonzero(np.sum(series, axis=0))
    first, last = (int(filled[0]), int(filled[-1]) + 1) if len(filled) else (0, len(all_pairs))
    step = max(1, -(-(last - first) // BARS))
    starts = np.arange(first, last, step)
    end = min(int(starts[-1]) + step, len(all_pairs))
    marks = edges[np.append(starts, end)]
    figure = new_figure(8, 4.4)
    axes = figure.add_subplot()
    axes.stairs(np.add.reduceat(all_pairs[:end], starts), marks, fill=True, color="#9ecae1", label="all pairs")
    if kept:
        axes.stairs(np.add.reduceat(kept[1][:end], starts), marks, color="#08519c", linewidth=1.4, label=kept[0])
    if threshold is not None:
        axes.axvline(threshold, color="#d94801", linestyle="--", label=f"threshold {threshold:g}")
    if len(filled):
        axes.set_yscale("log")
    describe(axes, title, "cosine", unit, grid="y")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    save(figure, path)
