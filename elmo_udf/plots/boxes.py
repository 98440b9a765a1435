"""Draws two or more samples side by side, as box plots or as paired values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from elmo_udf.plots.figure import describe, new_figure, save

_BETTER, _WORSE, _EQUAL = "#1b7837", "#b2182b", "#777777"


def box_plot(samples: Mapping[str, Sequence[float]], path: str | Path, title: str, label: str) -> None:
    """Draws a box for each sample, with all its values as points and its mean as a diamond.

    Args:
        samples: At least one value for each name.
        label: The label of the axis of values, with the unit.
    """
    figure = new_figure(2 + 1.7 * len(samples), 4.2)
    axes = figure.add_subplot()
    positions = np.arange(len(samples))
    axes.boxplot(
        [np.asarray(values) for values in samples.values()],
        positions=positions,
        widths=0.5,
        showmeans=True,
        showfliers=False,  # every value is drawn below
        medianprops={"color": "black"},
        meanprops={"marker": "D", "markerfacecolor": "white", "markeredgecolor": "black", "zorder": 4},
    )
    random = np.random.default_rng(0)
    for position, values in zip(positions, samples.values(), strict=True):
        shift = random.uniform(-0.12, 0.12, len(values))  # equal values would hide each other
        axes.scatter(position + shift, values, s=18, color="#2166ac", alpha=0.6, zorder=3)
    axes.set_xticks(positions, [f"{name}\n(n = {len(values)})" for name, values in samples.items()])
    axes.set_xlim(-0.6, len(samples) - 0.4)
    describe(axes, title, y=label, grid="y")
    note = "line: median; box: quartiles; whiskers: to 1.5 box heights; diamond: mean; points: every value"
    figure.supxlabel(note, fontsize=7)
    save(figure, path)


def paired_plot(
    names: tuple[str, str], before: Sequence[float], after: Sequence[float], path: str | Path, title: str, label: str
) -> None:
    """Draws a line for each pair, from its value on the left to its value on the right, and one line for the means.

    Args:
        before, after: N values each, in the same order.
        label: The label of the axis of values, with the unit.
    """
    figure = new_figure(5.4, 4.2)
    axes = figure.add_subplot()
    differences = np.asarray(after) - np.asarray(before)
    kinds = [
        ("greater", _BETTER, differences > 0),
        ("less", _WORSE, differences < 0),
        ("equal", _EQUAL, differences == 0),
    ]
    for kind, colour, chosen in kinds:
        pairs = np.stack([before, after])[:, chosen]  # (2, of this kind)
        if pairs.size:
            lines = axes.plot([0, 1], pairs, color=colour, marker="o", markersize=4, alpha=0.6, linewidth=1)
            lines[0].set_label(f"{kind} in {pairs.shape[1]} of {len(differences)}")
    means = [float(np.mean(before)), float(np.mean(after))]
    axes.plot([0, 1], means, color="black", marker="D", markersize=6, linewidth=2.5, label="mean", zorder=4)
    for position, mean, side in zip([-0.05, 1.05], means, ["right", "left"], strict=True):
        axes.text(position, mean, f"{mean:.3f}", ha=side, va="center", fontsize=9)
    axes.set_xticks([0, 1], list(names))
    axes.set_xlim(-0.35, 1.35)
    describe(axes, title, y=label, grid="y")
    figure.legend(loc="outside lower center", ncols=4, fontsize=8)
    save(figure, path)
