"""Draws the course of a training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from elmo_udf.plots.figure import describe, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def training_curve(rows: Sequence[dict[str, float]], path: str | Path, title: str) -> None:
    """Draws the perplexity on the validation set and the loss of the steps, over the number of tokens read.

    Args:
        rows: Rows of the log of a training, with ``tokens`` and, where they were measured, ``perplexity_forward``,
            ``perplexity_backward``, ``sampled_loss_forward`` and ``sampled_loss_backward``.
    """
    figure = new_figure(8, 3.4)
    left, right = figure.subplots(1, 2)
    for direction, colour in (("forward", "tab:blue"), ("backward", "tab:orange")):
        measured = [row for row in rows if f"perplexity_{direction}" in row]
        tokens = [row["tokens"] / 1e6 for row in measured]
        left.plot(tokens, [row[f"perplexity_{direction}"] for row in measured], "o-", ms=3, c=colour, label=direction)
        losses = [row[f"sampled_loss_{direction}"] for row in rows]
        right.plot([row["tokens"] / 1e6 for row in rows], losses, lw=0.8, c=colour, label=direction)
    _logarithmic(left)
    for axes, what in ((left, "perplexity of held-out text"), (right, "sampled loss of the steps (nats)")):
        describe(axes, what, "tokens read (millions)", grid="both")
        axes.legend(frameon=False)
    figure.suptitle(title, x=0.02, ha="left", fontsize=10)
    save(figure, path)


def _logarithmic(axes: Axes) -> None:
    """Makes the y axis logarithmic, with few and plain numbers: matplotlib's own overlap within one decade."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

    low, high = axes.get_ylim()
    axes.set_yscale("log")
    wide = low <= 0 or high / low > 10
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if wide else MaxNLocator(6, steps=(1, 2, 5, 10)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_minor_locator(NullLocator())
