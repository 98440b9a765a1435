"""Makes a table of correlations with people's scores from the vectors of texts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from pyspark.sql import DataFrame

from elmo_udf.correlation import pearson, spearman
from elmo_udf.embedding.layout import View
from elmo_udf.errors import UserError
from elmo_udf.evaluation.cosines import cosines_of, moments_of_views, over_pairs, products_of
from elmo_udf.evaluation.fitted_mix import FittedMix, fit_mix
from elmo_udf.evaluation.options import correction_named
from elmo_udf.evaluation.scores import check_scores
from elmo_udf.evaluation.staged import StagedPairs
from elmo_udf.evaluation.texts import EmbeddedTexts
from elmo_udf.models.options import NetworkOptions
from elmo_udf.similarity.kernels.correction import Correction, fit_correction

log = logging.getLogger(__name__)

TABLE = "model string, layer string, pooling string, correction string, spearman double, pearson double, n_pairs long"
"""Columns of the result."""

Row = dict[str, Any]


def correlations(
    pairs: StagedPairs, embedded: EmbeddedTexts, model: str, views: Sequence[View], corrections: Sequence[str]
) -> list[Row]:
    """Returns a row of TABLE for each view and correction. Corrections are fitted on the texts of these pairs.

    A correction that needs wider or more vectors is left out with a warning. Raises UserError if fewer than two pairs
    have vectors, or if all have the same score.
    """
    texts = _texts_of(pairs, embedded)
    moments = moments_of_views(texts, embedded.layout.row_width, views)
    if not moments:
        raise UserError(f"no text of the input has a vector by {model!r}, expected at least two; look at the texts")
    cells: list[tuple[View, str, Correction | None]] = []
    for view in views:
        for name in corrections:
            try:
                cells.append((view, name, fit_correction(moments[view.name], correction_named(name))))
            except UserError as error:  # the other cells of the table stand
                log.warning("%s, %s is left out: %s", model, view.name, error)
    of_pair = cosines_of([(view, correction) for view, _, correction in cells])
    values = over_pairs(pairs.good, texts, ["id", "label"], embedded.layout.row_width, of_pair)
    scores, cosines = _collected(values)
    check_scores(scores, "the input")
    return [row_of(model, v.layer, v.pooling, name, cosines[:, i], scores) for i, (v, name, _) in enumerate(cells)]


def mix_of(pairs: StagedPairs, embedded: EmbeddedTexts, network: NetworkOptions, correction: str) -> FittedMix:
    """Returns the best mix of a network's layers on these pairs, with mean pooling. correction: none or center."""
    names = network.layer_names
    views = [embedded.layout.mixed(name, network, one) for name, one in zip(names, np.eye(len(names)), strict=True)]
    texts = _texts_of(pairs, embedded)
    means = {}
    if correction == "center":
        moments = moments_of_views(texts, embedded.layout.row_width, views)
        means = {name: one.mean for name, one in moments.items()}
    values = over_pairs(pairs.good, texts, ["id", "label"], embedded.layout.row_width, products_of(views, means))
    scores, products = _collected(values)
    check_scores(scores, "train")
    return fit_mix(products.reshape(len(scores), 3, len(names), len(names)), scores)


def row_of(model: str, layer: str, pooling: str, correction: str, cosines: np.ndarray, scores: np.ndarray) -> Row:
    """Returns a row of TABLE from cosines (n,), with NaN for missing ones, and scores (n,)."""
    known = np.isfinite(cosines)
    x, y = cosines[known], scores[known]
    row: Row = {"model": model, "layer": layer, "pooling": pooling, "correction": correction}
    return row | {"spearman": spearman(x, y), "pearson": pearson(x, y), "n_pairs": int(known.sum())}


def _texts_of(pairs: StagedPairs, embedded: EmbeddedTexts) -> DataFrame:
    """Returns the key and the vectors of the texts of these pairs."""
    return embedded.good.join(pairs.texts.select("key"), "key", "left_semi")


def _collected(values: DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels (n,) and values (n, M) of pairs sorted by id, so that sums are the same every time.

    (They are sorted here, because Spark would compute everything twice to find out how to divide the ids.)
    """
    table = values.toArrow().sort_by("id")
    flat = table.column("values").combine_chunks().flatten().to_numpy()
    return table.column("label").to_numpy(), flat.reshape(table.num_rows, -1)
