"""Compares the cosines of pairs with labels: correlations for scores, F1 for yes and no; and draws them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame

from elmo_udf.correlation import pearson, spearman
from elmo_udf.errors import UserError
from elmo_udf.evaluation.scores import all_positive, at_threshold, best_threshold
from elmo_udf.plots.scatter import class_histograms, score_scatter

log = logging.getLogger(__name__)


def is_binary(labels: Sequence[float], column: str) -> bool:
    """Returns whether labels are 0 and 1, from up to three different ones. Raises UserError for fewer than two."""
    if len(labels) < 2:
        found = f"{labels[0]:g} in every row" if labels else "none"
        raise UserError(
            f"label column {column!r} has {found}, expected at least two different labels; "
            "name another with --label-column, or leave out that option"
        )
    return list(labels) == [0.0, 1.0]


def agreement(
    scored: DataFrame, binary: bool, plot: str | None, title: str, threshold: float | None = None
) -> dict[str, Any]:
    """Returns the part of the report about labels, from the columns id, label and cosine.

    For labels 0 and 1, pairs count as positive from ``threshold`` on, or else from the threshold with the best F1.
    Draws ``plot`` if it is given.
    """
    labelled = scored.where("label IS NOT NULL AND cosine IS NOT NULL").select("id", "label", "cosine")
    table = labelled.toArrow().sort_by("id")  # so that sums come out the same every time
    labels, cosines = table.column("label").to_numpy(), table.column("cosine").to_numpy()
    report: dict[str, Any] = {"n_labelled": len(labels)}
    if len(set(labels)) < 2:
        log.warning("the pairs with a cosine have fewer than two different labels, so there is no correlation")
        return report
    if not binary:
        report |= {"spearman": round(spearman(cosines, labels), 6), "pearson": round(pearson(cosines, labels), 6)}
        if plot:
            score_scatter(cosines, labels, plot, f"{title}\nSpearman {report['spearman']:.3f}, {len(labels):,} pairs")
    else:
        positive = labels == 1
        if threshold is None:
            found = best_threshold(cosines, positive)
            report["best_threshold"] = found.cosine
        else:
            found = at_threshold(cosines, positive, threshold)
            report["threshold"] = threshold
        report |= {name: round(getattr(found, name), 6) for name in ("f1", "precision", "recall", "accuracy")}
        report["all_positive"] = {name: round(value, 6) for name, value in all_positive(positive).items()}
        if plot:
            class_histograms(cosines, positive, found.cosine, plot, f"{title}\nF1 {found.f1:.3f} at the threshold")
    return report
