"""Implements jobs/evaluate.py as one function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from elmo_udf.embedding.layout import Layout
from elmo_udf.evaluation.baselines import STATIC, static_texts, tfidf_row
from elmo_udf.evaluation.correlations import TABLE, Row, correlations, mix_of
from elmo_udf.evaluation.fitted_mix import FittedMix
from elmo_udf.evaluation.inputs import read_pairs
from elmo_udf.evaluation.options import EvaluateOptions
from elmo_udf.evaluation.staged import StagedPairs, stage_pairs
from elmo_udf.evaluation.texts import embed_texts
from elmo_udf.plots.bars import correlation_bars
from elmo_udf.plots.paths import check_png
from elmo_udf.spark.outputs.transaction import Transaction, in_transaction
from elmo_udf.spark.outputs.written import Output, Written, given
from elmo_udf.spark.shipping import ShippedModel, ship_model
from elmo_udf.study.static_vectors import width_of_vectors

FITTED = "fitted mix"
"""Name of the layer that --fit-mix makes."""


def evaluate(spark: SparkSession, options: EvaluateOptions) -> dict[str, Any]:
    """Correlates cosines with the scores of ``options.input``, by layer, pooling and correction. Returns the report.

    Raises UserError, before any text is embedded, for input, models and options that don't fit.
    """
    if options.plot:
        check_png(options.plot)
    read = given(options, "input", "train", "model", "vectors") | {"compare_model": options.compare_model}
    written = Written.of(options, [Output("output", options.output, ("evaluation",))], read, ["plot"])
    return in_transaction(spark, written, lambda work: _evaluate(work, options))


def _evaluate(work: Transaction, options: EvaluateOptions) -> dict[str, Any]:
    spark, inputs = work.spark, given(options, "input", "train")
    if options.vectors:
        width_of_vectors(options.vectors)
    models = [
        ship_model(spark, handle, options.model_options(handle).model_sha256, options.model_max_gib)
        for handle in _handles(options)
    ]
    layouts = [layout_of(model, options) for model in models]
    tables = {name: read_pairs(spark, options, path, options.label_column) for name, path in inputs.items()}
    report = {"model": options.model, "fingerprint": models[0].fingerprint, "model_note": models[0].note, **inputs}
    if options.dry_run:
        return report | {"layers": list(layouts[0].layers), "poolings": list(layouts[0].poolings)}
    folder = work.folder("output")
    staged = {
        name: stage_pairs(spark, table, f"{folder}/{name}", f"{name} {inputs[name]!r}", needs_label=True)
        for name, table in tables.items()
    }
    rows, found = _rows(spark, options, staged, list(zip(models, layouts, strict=True)), folder)
    report |= _counts(staged) | found
    result = spark.createDataFrame([tuple(row.values()) for row in rows], TABLE).coalesce(1)
    result.write.parquet(f"{folder}/table")
    sidecar = {"table": "evaluation", "options": vars(options)} | report
    work.put_table("output", f"{folder}/table", sidecar)
    if options.plot:
        correlation_bars(rows, work.staged_files()["plot"], f"Cosines of {options.model} and people's scores")
        work.put_files()
        report |= {"plot": options.plot}
    return report | {"output": options.output, "correlations": [_shown(row) for row in rows]}


def layout_of(model: ShippedModel, options: EvaluateOptions) -> Layout:
    """Returns what is kept of a text: the requested layers and, if a mix is fitted, the means of all layers.

    Raises UserError if the model does not have a layer.
    """
    needed = model.network.layer_names if options.fit_mix else ()
    poolings = (*options.poolings, *(("mean",) if options.fit_mix else ()))
    return Layout.of(model.network, (*_layers(model, options), *needed), poolings)


def _rows(
    spark: SparkSession,
    options: EvaluateOptions,
    staged: dict[str, StagedPairs],
    models: Sequence[tuple[ShippedModel, Layout]],
    folder: str,
) -> tuple[list[Row], dict[str, Any]]:
    """Returns the rows of the table, and further parts of the report. A model embeds all texts in one pass."""
    texts = _all_texts(spark, list(staged.values()), f"{folder}/texts")
    pairs, rows, report = staged["input"], list[Row](), dict[str, Any]()
    for i, (model, layout) in enumerate(models):
        settings = options.model_options(model.handle)
        embedded = embed_texts(spark, texts, model, settings, layout, f"{folder}/model-{i}", options.partitions)
        views = [layout.view(layer, how) for how in options.poolings for layer in _layers(model, options)]
        if i == 0:
            report |= embedded.report
        if i == 0 and options.fit_mix:
            mix = mix_of(staged["train"], embedded, model.network, options.mix_correction)
            report |= _mix_report(mix)
            views.append(layout.mixed(FITTED, model.network, mix.mix.shares))
        rows += correlations(pairs, embedded, model.handle, views, options.corrections)
    settings = options.model_options(options.model)
    if options.tfidf:
        rows.append(tfidf_row(pairs, settings))
    if options.vectors:
        embedded = static_texts(spark, pairs.texts, options.vectors, settings, f"{folder}/static")
        report |= embedded.report
        view = embedded.layout.view(STATIC, "mean")
        rows += correlations(pairs, embedded, options.vectors, [view], options.corrections)
    return rows, report


def _all_texts(spark: SparkSession, pairs: Sequence[StagedPairs], folder: str) -> DataFrame:
    """Returns the distinct texts of all pairs: key, text."""
    if len(pairs) == 1:
        return pairs[0].texts
    pairs[0].texts.unionAll(pairs[1].texts).dropDuplicates(["key"]).write.parquet(folder)
    return spark.read.parquet(folder)


def _handles(options: EvaluateOptions) -> list[str]:
    return list(dict.fromkeys((options.model, *options.compare_model)))


def _layers(model: ShippedModel, options: EvaluateOptions) -> tuple[str, ...]:
    """Returns the layers of a model to evaluate."""
    return tuple(dict.fromkeys(options.layers or (*model.network.layer_names, "elmo")))


def _mix_report(found: FittedMix) -> dict[str, Any]:
    return {
        "mix": asdict(found.mix),
        "mix_softmax": [round(float(weight), 4) for weight in found.mix.shares],
        "mix_train_spearman": round(found.spearman, 4),
        "equal_mix_train_spearman": round(found.equal_spearman, 4),
    }


def _counts(staged: dict[str, StagedPairs]) -> dict[str, Any]:
    counts: dict[str, Any] = {}
    for name, pairs in staged.items():
        prefix = "" if name == "input" else f"{name}_"
        counts |= {f"{prefix}rows_in": pairs.n_rows, f"{prefix}rejected_by_reason": pairs.reasons}
    return counts


def _shown(row: Row) -> Row:
    return row | {name: round(row[name], 4) for name in ("spearman", "pearson")}
