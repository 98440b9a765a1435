"""Draws confusion matrices side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elmo_udf.plots.figure import describe, new_figure, save


@dataclass(frozen=True)
class Confusion:
    """The counts of one classifier."""

    name: str
    counts: np.ndarray
    """The number of rows of class i that were predicted as class j: int, shape (K, K)."""


def confusion_matrices(panels: Sequence[Confusion], labels: Sequence[str], path: str | Path, title: str) -> None:
    """Draws each matrix with its counts, colored by the share of its row (the true class)."""
    side = max(2.6, 0.6 * len(labels) + 1.2)
    figure = new_figure(side * len(panels) + 1.4, side + 1.1)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for one, panel in zip(axes, panels, strict=True):
        shares = panel.counts / np.maximum(panel.counts.sum(axis=1, keepdims=True), 1)  # (K, K)
        image = one.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (i, j), count in np.ndenumerate(panel.counts):
            ink = "white" if shares[i, j] > 0.6 else "black"
            one.text(j, i, f"{count:,}\n{shares[i, j]:.0%}", ha="center", va="center", color=ink, fontsize=9)
        one.set_xticks(range(len(labels)), labels)
        one.set_yticks(range(len(labels)), labels)
        describe(one, panel.name, "label predicted")
        one.tick_params(length=0)
    axes[0].set_ylabel("true label")
    figure.colorbar(image, ax=axes, label="share of the true label", shrink=0.8)
    figure.suptitle(title, fontsize=10)
    save(figure, path)
