"""Draws cosines of pairs against people's judgements: a scatter plot of scores, or a histogram for each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from elmo_udf.plots.figure import describe, new_figure, save

MAX_POINTS = 5000
"""Largest number of points. More would hide each other, so hexagons colored by their counts replace them."""


def score_scatter(cosines: np.ndarray, scores: np.ndarray, path: str | Path, title: str) -> None:
    """Draws one point per pair, with people's scores (n,) on the x axis and cosines (n,) on the y axis."""
    figure = new_figure(6.5, 5)
    axes = figure.add_subplot()
    if len(cosines) <= MAX_POINTS:
        axes.scatter(scores, cosines, s=9, alpha=0.35, linewidths=0)
    else:
        drawn = axes.hexbin(scores, cosines, gridsize=50, bins="log", mincnt=1, cmap="viridis")
        figure.colorbar(drawn, ax=axes, label="pairs")
    describe(axes, title, "people's score", "cosine", grid="both")
    save(figure, path)


def class_histograms(
    cosines: np.ndarray, is_positive: np.ndarray, threshold: float, path: str | Path, title: str
) -> None:
    """Draws the cosines (n,) of pairs labelled 1 and 0, (n,) bool, as overlapping histograms with the threshold."""
    figure = new_figure(7, 4.2)
    axes = figure.add_subplot()
    edges = np.histogram_bin_edges(cosines, bins=40).tolist()
    for label, colour in ((0, "tab:orange"), (1, "tab:blue")):
        found = cosines[is_positive == bool(label)]
        axes.hist(found, edges, alpha=0.55, color=colour, label=f"label {label} ({len(found):,} pairs)")
    axes.axvline(threshold, color="black", linestyle="--", linewidth=1, label=f"threshold {threshold:.4f}")
    describe(axes, title, "cosine", "pairs")
    axes.legend(fontsize=8)
    save(figure, path)
