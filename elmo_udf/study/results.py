"""Computes the numbers of the report and the pictures from the rows of all trials, without Spark."""

from __future__ import annotations

from typing import Any

from elmo_udf.study.options import StudyOptions
from elmo_udf.study.statistics import paired_test, spread
from elmo_udf.study.trial import NETWORKS


def accuracies(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Returns the accuracies on the test texts by network, in the order of the repeats."""
    tested = sorted((row for row in rows if row["test_accuracy"] is not None), key=lambda row: int(row["repeat"]))
    return {name: [row["test_accuracy"] for row in tested if row["network"] == name] for name in NETWORKS}


def summarized(rows: list[dict[str, Any]], options: StudyOptions) -> dict[str, Any]:
    """Returns the part of the report about the trials: by repeat, by network, by learning rate, and the difference."""
    found = accuracies(rows)
    before, after = (found[name] for name in NETWORKS)
    by_repeat = [
        {"repeat": repeat, "static": _short(a), "static+elmo": _short(b), "difference": _short(b - a)}
        for repeat, (a, b) in enumerate(zip(before, after, strict=True))
    ]
    networks = [{"network": name} | {k: _short(v) for k, v in spread(found[name]).items()} for name in NETWORKS]
    difference = {name: _short(value) for name, value in paired_test(before, after).items()}
    return {
        "difference": difference,
        "accuracies": by_repeat,
        "networks": networks,
        "learning_rates": [_of_rate(rows, name, rate) for name in NETWORKS for rate in options.rates(name)],
    }


def draw_plots(found: dict[str, list[float]], options: StudyOptions) -> None:
    """Draws the requested pictures."""
    from elmo_udf.plots.boxes import box_plot, paired_plot

    title = f"Accuracy on {options.test_texts:,} texts, in {options.repeats} repeats ({options.model})"
    label = "accuracy (share of the test texts)"
    if options.plot is not None:
        box_plot(found, options.plot, title, label)
    if options.paired_plot is not None:
        before, after = NETWORKS
        paired_plot((before, after), found[before], found[after], options.paired_plot, title, label)


def _of_rate(rows: list[dict[str, Any]], network: str, rate: float) -> dict[str, Any]:
    """Returns the means over the repeats of a network with one learning rate, measured on the validation texts."""
    tried = [row for row in rows if row["network"] == network and row["learning_rate"] == rate]
    names = ("validation_loss", "validation_accuracy", "n_epochs", "seconds")
    means = {f"mean_{name}": _short(sum(row[name] for row in tried) / len(tried)) for name in names}
    n_chosen = sum(row["test_accuracy"] is not None for row in tried)
    return {"network": network, "learning_rate": rate, "chosen_in": n_chosen} | means


def _short(value: Any) -> Any:
    """Returns the value rounded to six places, as it is printed."""
    return round(value, 6) if isinstance(value, float) else value
