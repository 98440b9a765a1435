"""Evaluates models on pairs of texts with people's scores: what jobs/evaluate.py does, as one function."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, SparkSession

from elmo_udf.errors import UserError
from elmo_udf.evaluation.cosines import cosines_of, moments_of_views, over_pairs, products_of
from elmo_udf.evaluation.inputs import read_pairs
from elmo_udf.evaluation.mix import FittedMix, fit_mix, softmax
from elmo_udf.evaluation.options import EvaluateOptions, correction_named
from elmo_udf.evaluation.scores import check_scores, pearson, spearman
from elmo_udf.evaluation.staged import StagedPairs, stage_pairs
from elmo_udf.evaluation.texts import EmbeddedTexts, embed_texts
from elmo_udf.evaluation.views import Layout, View
from elmo_udf.similarity.correction import Correction, fit_correction
from elmo_udf.spark import commit
from elmo_udf.spark.outputs import check_outputs
from elmo_udf.spark.shipping import ShippedModel, ship_model

log = logging.getLogger(__name__)

TABLE = "model string, layer string, pooling string, correction string, spearman double, pearson double, n_pairs long"
"""Columns of the result."""

Row = dict[str, Any]


def evaluate(spark: SparkSession, options: EvaluateOptions) -> dict[str, Any]:
    """Correlate cosines with the scores of ``options.input``, by layer, pooling and correction; returns the report.

    Raises UserError for input, models and options that don't fit, before any text is embedded.
    """
    inputs = {"input": options.input} | ({"train": options.train} if options.train else {})
    check_outputs(spark, {"output": options.output}, inputs, options.mode)
    models = [ship_model(spark, handle, options.model_options(handle).model_sha256) for handle in _handles(options)]
    layouts = [layout_of(model, options) for model in models]
    tables = {name: read_pairs(spark, options, path, options.label_column) for name, path in inputs.items()}
    report: dict[str, Any] = {
        "model": options.model,
        "fingerprint": models[0].fingerprint,
        "model_note": models[0].note,
    }
    if options.dry_run:
        return report | {"layers": layouts[0].layers, "poolings": layouts[0].poolings, **inputs}
    with commit.staging(spark, options.output) as folder:
        staged = {
            name: stage_pairs(spark, table, f"{folder}/{name}", f"{name} {inputs[name]!r}", needs_label=True)
            for name, table in tables.items()
        }
        texts = stage_texts(spark, list(staged.values()), f"{folder}/texts")
        rows: list[Row] = []
        for i, (model, layout) in enumerate(zip(models, layouts, strict=True)):
            embedded = embed_texts(
                spark, texts, model, options.model_options(model.handle), layout, f"{folder}/{i}", options.partitions
            )
            views = [layout.view(layer, pooling) for layer, pooling in _asked(layout, options)]
            if i == 0:
                report |= embedded.report
                if options.fit_mix:
                    mix = mix_of(staged["train"], embedded, model, options)
                    weights = softmax(np.array(mix.mix.weights))
                    report |= _mix_report(mix, weights)
                    views.append(layout.mixed("fitted mix", model.network, weights))
            rows += correlations(staged["input"], embedded, model.handle, views, options)
        report |= _counts(staged)
        result = spark.createDataFrame([tuple(row.values()) for row in rows], TABLE).coalesce(1)
        result.write.parquet(f"{folder}/table")
        sidecar = {"table": "evaluation", "options": vars(options)} | report
        commit.put_table(spark, f"{folder}/table", options.output, sidecar, options.mode)
    return report | {"output": options.output, "correlations": [_shown(row) for row in rows]}


def layout_of(model: ShippedModel, options: EvaluateOptions) -> Layout:
    """What is kept of a text: the layers asked for, and where a mix is fit all of the network's, by their mean.

    Raises UserError for a layer that the model does not have.
    """
    known = (*model.network.layer_names, "elmo")
    asked = options.layers or known
    needed = model.network.layer_names if options.fit_mix else ()
    widths = {layer: model.network.width(layer) for layer in dict.fromkeys((*asked, *needed))}
    poolings = dict.fromkeys((*options.poolings, *(("mean",) if options.fit_mix else ())))
    return Layout(tuple(widths), tuple(widths.values()), tuple(poolings))


def stage_texts(spark: SparkSession, pairs: Sequence[StagedPairs], folder: str) -> DataFrame:
    """The distinct texts of all pairs (key, text), written aside."""
    texts = pairs[0].texts()
    for more in pairs[1:]:
        texts = texts.unionAll(more.texts())
    texts.dropDuplicates(["key"]).write.parquet(folder)
    return spark.read.parquet(folder)


def correlations(
    pairs: StagedPairs, embedded: EmbeddedTexts, model: str, views: Sequence[View], options: EvaluateOptions
) -> list[Row]:
    """A row of TABLE for each view and correction; corrections are fit on the texts of these pairs."""
    texts = embedded.good.join(pairs.texts().select("key"), "key", "left_semi")
    moments = moments_of_views(texts, embedded.layout.row_width, views)
    if not moments:
        raise UserError("no text of the input can be embedded, expected at least two pairs; look at its text columns")
    cells: list[tuple[View, str, Correction | None]] = []
    for view in views:
        for name in options.corrections:
            try:
                cells.append((view, name, fit_correction(moments[view.name], correction_named(name))))
            except UserError as error:  # too narrow or too few: the other cells of the table stand
                log.warning("%s, %s is left out: %s", model, view.name, error)
    values = over_pairs(
        pairs.good,
        texts,
        ["id", "label"],
        embedded.layout.row_width,
        cosines_of([(view, correction) for view, _, correction in cells]),
    )
    scores, cosines = _collected(values)
    check_scores(scores, "the input")
    return [_row(model, *cell[:2], cosines[:, i], scores) for i, cell in enumerate(cells)]


def mix_of(pairs: StagedPairs, embedded: EmbeddedTexts, model: ShippedModel, options: EvaluateOptions) -> FittedMix:
    """The mix that does best on the training pairs, with mean pooling and the correction in force."""
    names = model.network.layer_names
    unit = np.eye(len(names))
    views = [embedded.layout.mixed(name, model.network, unit[i]) for i, name in enumerate(names)]
    texts = embedded.good.join(pairs.texts().select("key"), "key", "left_semi")
    means = {}
    if options.mix_correction == "center":
        moments = moments_of_views(texts, embedded.layout.row_width, views)
        means = {name: one.mean for name, one in moments.items()}
    values = over_pairs(pairs.good, texts, ["id", "label"], embedded.layout.row_width, products_of(views, means))
    scores, products = _collected(values)
    check_scores(scores, "train")
    return fit_mix(products.reshape(len(scores), 3, len(names), len(names)), scores)


def _collected(values: DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) and values (n, M) of pairs, in an order of their own: that of the ids, so that sums are the same."""
    table = values.orderBy("id").select("label", "values").toArrow()
    flat = table.column("values").combine_chunks().flatten().to_numpy()
    return table.column("label").to_numpy(), flat.reshape(table.num_rows, -1)


def _row(model: str, view: View, correction: str, cosines: np.ndarray, scores: np.ndarray) -> Row:
    known = np.isfinite(cosines)
    x, y = cosines[known], scores[known]
    return {
        "model": model,
        "layer": view.layer,
        "pooling": view.pooling,
        "correction": correction,
        "spearman": spearman(x, y),
        "pearson": pearson(x, y),
        "n_pairs": int(known.sum()),
    }


def _shown(row: Row) -> Row:
    return row | {name: round(row[name], 4) for name in ("spearman", "pearson")}


def _handles(options: EvaluateOptions) -> list[str]:
    return list(dict.fromkeys((options.model, *options.compare_model)))


def _asked(layout: Layout, options: EvaluateOptions) -> list[tuple[str, str]]:
    layers = options.layers or layout.layers
    return [(layer, pooling) for pooling in options.poolings for layer in layers]


def _mix_report(found: FittedMix, weights: np.ndarray) -> dict[str, Any]:
    return {
        "mix": asdict(found.mix),
        "mix_softmax": [round(float(weight), 4) for weight in weights],
        "mix_train_spearman": round(found.spearman, 4),
        "equal_mix_train_spearman": round(found.equal_spearman, 4),
    }


def _counts(staged: dict[str, StagedPairs]) -> dict[str, Any]:
    counts: dict[str, Any] = {}
    for name, pairs in staged.items():
        prefix = "" if name == "input" else f"{name}_"
        counts |= {f"{prefix}rows_in": pairs.n_rows, f"{prefix}rejected_by_reason": pairs.reasons}
    return counts
