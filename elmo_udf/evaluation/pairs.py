"""Implements jobs/pairs.py as one function."""

from __future__ import annotations

from typing import Any

import numpy as np
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.embedding.layout import Layout
from elmo_udf.embedding.reasons import count_reasons
from elmo_udf.errors import UserError
from elmo_udf.evaluation.agreement import agreement, is_binary
from elmo_udf.evaluation.cosines import cosines_of, moments_of_views, over_pairs
from elmo_udf.evaluation.inputs import read_pairs
from elmo_udf.evaluation.options import PairsOptions
from elmo_udf.evaluation.staged import StagedPairs, stage_pairs
from elmo_udf.evaluation.texts import EmbeddedTexts, embed_texts
from elmo_udf.plots.paths import check_png
from elmo_udf.similarity.joins.fit import write_correction
from elmo_udf.similarity.kernels.correction import Correction, check_correction, fit_correction
from elmo_udf.similarity.kernels.cosine import STEPS
from elmo_udf.spark.metadata import TableMetadata
from elmo_udf.spark.outputs.additions import rejects_schema
from elmo_udf.spark.outputs.transaction import Transaction, in_transaction
from elmo_udf.spark.outputs.written import Output, Written, given
from elmo_udf.spark.shipping import ship_model

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)


def compare_pairs(spark: SparkSession, options: PairsOptions) -> dict[str, Any]:
    """Writes the cosine of each pair of ``options.input`` to ``options.output``. Returns the report.

    Each distinct text is embedded once. Pairs without a cosine go to the rejects, with a reason. Raises UserError,
    before any text is embedded, for input, model and options that don't fit.
    """
    if options.plot:
        check_png(options.plot)
    outputs = Output("output", options.output, ("text pairs",)), Output("rejects", options.rejects_path, ("rejects",))
    written = Written.of(options, outputs, given(options, "input", "model"), ["plot"])
    return in_transaction(spark, written, lambda work: _compare(work, options))


def _compare(work: Transaction, options: PairsOptions) -> dict[str, Any]:
    spark, outputs = work.spark, {"output": options.output, "rejects": options.rejects_path}
    model = ship_model(spark, options.model, options.model_sha256, options.model_max_gib)
    width = model.network.width(options.layer)
    check_correction(options, width)
    pairs = read_pairs(spark, options, options.input, options.label_column)
    report: dict[str, Any] = {"model": model.handle, "fingerprint": model.fingerprint, "model_note": model.note}
    report |= {"layer": options.layer, "pooling": options.pooling, "correction": options.correction_name}
    if options.dry_run:
        return report | {"input": options.input, **outputs}
    layout = Layout.of(model.network, [options.layer], [options.pooling])
    folder = work.folder("output")
    staged = stage_pairs(spark, pairs, f"{folder}/input", f"input {options.input!r}")
    binary = is_binary(_labels(staged), options.label_column) if options.label_column else False
    if options.threshold is not None and not binary:
        raise UserError(
            f"--threshold needs labels that are 0 and 1, found other numbers in column {options.label_column!r}; "
            "leave it out, and the job computes correlations"
        )
    embedded = embed_texts(spark, staged.texts, model, options, layout, f"{folder}/vectors", options.partitions)
    correction = _fit(embedded, options)
    scored = _scored(spark, staged, embedded, correction, f"{folder}/scored")
    report |= _write(spark, staged, embedded, scored, bool(options.label_column), folder)
    if correction is not None:
        write_correction(spark, correction, f"{folder}/table")
    report |= embedded.report | _quantiles(scored)
    if options.label_column:
        report |= agreement(scored, binary, work.staged_files().get("plot"), _title(options), options.threshold)
        report |= given(options, "plot")
    made = TableMetadata.of_options(options, model.fingerprint, width).as_dict()
    sidecar = {"table": "text pairs", "input": options.input, "correction": options.correction_name}
    work.put_table("rejects", f"{folder}/rejects", {"table": "rejects"})
    work.put_table("output", f"{folder}/table", sidecar | {"vectors": made})
    work.put_files()
    return report | outputs


def _labels(staged: StagedPairs) -> list[float]:
    """Returns up to three different labels, which are enough to tell their kind."""
    labelled = staged.good.where("label IS NOT NULL").select("label").distinct()
    return sorted(row.label for row in labelled.limit(3).collect())


def _fit(embedded: EmbeddedTexts, options: PairsOptions) -> Correction | None:
    """Fits on the distinct texts, each of which counts once."""
    if options.correction_name == "none":
        return None
    view = embedded.layout.view(options.layer, options.pooling)
    moments = moments_of_views(embedded.good, embedded.layout.row_width, [view])
    return fit_correction(moments[view.name], options) if moments else None


def _scored(
    spark: SparkSession, staged: StagedPairs, embedded: EmbeddedTexts, correction: Correction | None, folder: str
) -> DataFrame:
    """Writes id, label and cosine (NULL if a vector is zero) of the pairs whose texts both have vectors.

    Returns the table.
    """
    (layer,), (pooling,) = embedded.layout.layers, embedded.layout.poolings
    exact = cosines_of([(embedded.layout.view(layer, pooling), correction)])

    def rounded(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.asarray(np.rint(exact(left, right) * STEPS) / STEPS)  # as similarity.py has them

    values = over_pairs(staged.good, embedded.good, ["id", "label"], embedded.layout.row_width, rounded)
    values.select("id", "label", F.nanvl(F.col("values")[0], F.lit(None)).alias("cosine")).write.parquet(folder)
    return spark.read.parquet(folder)


def _rejected(staged: StagedPairs, embedded: EmbeddedTexts, scored: DataFrame) -> DataFrame:
    """Returns id, reason and detail: the first thing that is wrong with a pair, its texts or their vectors."""
    refused = embedded.table.where("reason IS NOT NULL")
    pairs = staged.good.select("id", "key_a", "key_b")
    for side, name in (("a", "first"), ("b", "second")):
        detail = F.concat(F.lit(f"the {name} text: "), F.coalesce("detail", F.lit(""))).alias(f"detail_{side}")
        found = refused.select(F.col("key").alias(f"key_{side}"), F.col("reason").alias(f"reason_{side}"), detail)
        pairs = pairs.join(found, f"key_{side}", "left")
    reason, detail = F.coalesce("reason_a", "reason_b"), F.coalesce("detail_a", "detail_b")
    by_text = pairs.where(reason.isNotNull()).select("id", reason.alias("reason"), detail.alias("detail"))
    zero = F.lit("zero_vector").alias("reason"), F.lit("a vector is zero and has no direction").alias("detail")
    return (
        staged.table.where("reason IS NOT NULL")
        .select("id", "reason", "detail")
        .unionAll(by_text)
        .unionAll(scored.where("cosine IS NULL").select("id", *zero))
    )


def _write(
    spark: SparkSession,
    staged: StagedPairs,
    embedded: EmbeddedTexts,
    scored: DataFrame,
    labelled: bool,
    folder: str,
) -> dict[str, Any]:
    """Writes ``folder``/table and ``folder``/rejects, and checks that no pair is lost.

    Returns counts for the report.
    """
    columns = ["id", "cosine", *(["label"] if labelled else [])]
    scored.where("cosine IS NOT NULL").select(columns).write.parquet(f"{folder}/table")
    rejected = _rejected(staged, embedded, scored).to(rejects_schema(staged.table.schema["id"].dataType))
    rejected.coalesce(1).write.parquet(f"{folder}/rejects")
    n_scored = spark.read.parquet(f"{folder}/table").count()
    reasons = count_reasons(spark.read.parquet(f"{folder}/rejects"), "reason")[1]
    n_rejected = sum(reasons.values())
    if staged.n_rows != n_scored + n_rejected:
        raise RuntimeError(
            f"{staged.n_rows} pairs were read, but {n_scored} have a cosine and {n_rejected} were rejected; "
            "expected the sum to agree; nothing was put in place"
        )
    return {"rows_in": staged.n_rows, "rows_out": n_scored, "rows_rejected": n_rejected, "rejected_by_reason": reasons}


def _quantiles(scored: DataFrame) -> dict[str, Any]:
    """Returns the quantiles of the cosines, so that a user can choose a threshold."""
    found = scored.select(F.percentile("cosine", F.array(*map(F.lit, QUANTILES)))).collect()[0][0]
    if found is None:
        return {}
    return {"cosine_quantiles": {f"{q:g}": round(value, 6) for q, value in zip(QUANTILES, found, strict=True)}}


def _title(options: PairsOptions) -> str:
    return f"{options.model}, layer {options.layer}, {options.pooling}, correction {options.correction_name}"
