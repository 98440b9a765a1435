"""Draws bar charts of correlations: a panel per pooling, a group of bars per layer, a color per correction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from elmo_udf.plots.figure import describe, new_figure, save

_MAX_NAME = 24
_COLOURS = ("#999999", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7")
"""Colors that color-blind people can distinguish too (Okabe and Ito 2008)."""


def correlation_bars(rows: Sequence[dict[str, Any]], path: str | Path, title: str) -> None:
    """Draws Spearman's correlations.

    Args:
        rows: Dicts with model, layer, pooling, correction and spearman. The model of the first row is the main one;
            groups of other models bear their model's name. A row whose pooling is "-" has only one number, and becomes
            a dashed line.
    """
    pooled = [row for row in rows if row["pooling"] != "-"]
    lines = [row for row in rows if row["pooling"] == "-"]
    poolings = list(dict.fromkeys(row["pooling"] for row in pooled))
    corrections = list(dict.fromkeys(row["correction"] for row in pooled))
    most = max(len(_groups(pooled, pooling)) for pooling in poolings)
    figure = new_figure(float(np.clip(1.1 * most + 2.5, 7, 16)), 3.2 * len(poolings) + 0.8)
    panels = figure.subplots(len(poolings), 1, sharey=True, squeeze=False)[:, 0]
    for axes, pooling in zip(panels, poolings, strict=True):
        _panel(axes, [row for row in pooled if row["pooling"] == pooling], corrections, rows[0]["model"])
        for row, colour in zip(lines, ("black", "dimgray"), strict=False):
            axes.axhline(row["spearman"], color=colour, linestyle="--", linewidth=1, label=row["model"])
        describe(axes, f"pooling: {pooling}", y="Spearman's ρ", grid="y")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(8, len(labels)), fontsize=8, frameon=False)
    figure.suptitle(title, x=0.02, ha="left", fontsize=10)
    save(figure, path)


def _groups(rows: Sequence[dict[str, Any]], pooling: str) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row["model"], row["layer"]) for row in rows if row["pooling"] == pooling))


def _panel(axes: Any, rows: Sequence[dict[str, Any]], corrections: Sequence[str], main: str) -> None:
    groups = list(dict.fromkeys((row["model"], row["layer"]) for row in rows))
    width = 0.8 / len(corrections)
    for i, correction in enumerate(corrections):
        found = [row for row in rows if row["correction"] == correction]
        places = [groups.index((row["model"], row["layer"])) - 0.4 + width * (i + 0.5) for row in found]
        axes.bar(places, [row["spearman"] for row in found], width, label=correction, color=_COLOURS[i % len(_COLOURS)])
    names = [layer if model == main else f"{layer}\n{_short(model)}" for model, layer in groups]
    axes.set_xticks(range(len(groups)), names, fontsize=8)
    axes.set_xlim(-0.6, len(groups) - 0.4)


def _short(model: str) -> str:
    """Returns the end of a handle, which distinguishes it from others."""
    name = model.rstrip("/").rpartition("/")[2]
    return name if len(name) <= _MAX_NAME else "…" + name[1 - _MAX_NAME :]
