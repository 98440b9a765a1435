"""Creates figures and writes them to files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> Figure:
    """Returns an empty figure of ``width`` × ``height`` inches.

    It does not use pyplot, so it needs no global state and no display, and does not have to be closed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def describe(axes: Axes, title: str = "", x: str = "", y: str = "", *, grid: Literal["", "both", "y"] = "") -> None:
    """Writes the title and the labels of the axes ``x`` and ``y``, and draws a grid behind everything, or none."""
    axes.set_title(title, loc="left", fontsize=10)
    axes.set(xlabel=x, ylabel=y, axisbelow=True)
    if grid:
        axes.grid(axis=grid, alpha=0.3)


def save(figure: Figure, path: str | Path) -> None:
    """Writes the figure as PNG, and creates the folder if needed."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, bbox_inches="tight", pad_inches=0.15)  # the layout alone would cut long names off
