"""Writes the results of the job: the pipeline, the numbers, the pictures and the predictions."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.classification.rows import id_order
from elmo_udf.classification.trials import Trial
from elmo_udf.plots.confusion import Confusion, confusion_matrices
from elmo_udf.plots.curves import Curve, curves
from elmo_udf.spark import changes, files

PARTS = ("model", "metrics.json", "confusion.png", "curves.png", "predictions.csv")
"""Names that an output folder may contain."""


def write_results(
    spark: SparkSession,
    pipeline: PipelineModel,
    trials: list[Trial],
    labels: list[str],
    report: dict[str, Any],
    to: str,
) -> None:
    """Writes the pipeline, metrics.json, and the pictures of all trials."""
    pipeline.save(f"{to}/model")
    metrics = report | {"labels": labels, "trials": [_metrics(trial) for trial in trials]}
    changes.write_text(spark, f"{to}/metrics.json", json.dumps(metrics, indent=2) + "\n")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        title = f"{report['model']}, {report['rows_test']:,} rows held out of {report['rows_labelled']:,}"
        confusions = [Confusion(trial.features, trial.tried.scores.confusion) for trial in trials]
        confusion_matrices(confusions, labels, Path(folder) / "confusion.png", title)
        lines = [_curve(trial) for trial in trials if trial.tried.roc is not None]
        if lines:
            share = trials[0].tried.scores.confusion[1].sum() / trials[0].tried.scores.confusion.sum()
            curves(lines, float(share), Path(folder) / "curves.png", f"{title}; label {labels[1]}")
        for path in sorted(Path(folder).iterdir()):
            changes.put_file(spark, path, f"{to}/{path.name}")


def write_predictions(predicted: DataFrame, ids: DataFrame, most_frequent: str, folder: str, to: str) -> dict[str, int]:
    """Writes ``to``, one CSV file with the header id,label and one row for every row of ``ids``, sorted by id.

    ``predicted`` has id and label. An id without a prediction (because its text has no token) gets the most frequent
    label. Returns the number of such ids.
    """
    spark = ids.sparkSession
    rows = ids.select("id").join(predicted.select("id", F.col("label").alias("found")), "id", "left").persist()
    n_rows, n_found = rows.select(F.count(F.lit(1)), F.count("found")).collect()[0]
    table = rows.select("id", F.coalesce("found", F.lit(most_frequent)).alias("label"))
    ordered = table.repartition(1).sortWithinPartitions(*id_order(ids))
    ordered.write.option("header", True).option("escape", '"').csv(f"{folder}/predictions")
    rows.unpersist()
    (name,) = (name for name in files.list_names(spark, f"{folder}/predictions") if name.endswith(".csv"))
    changes.move(spark, f"{folder}/predictions/{name}", to)
    return {"rows_predicted": n_rows, "rows_predicted_without_vector": n_rows - n_found}


def _metrics(trial: Trial) -> dict[str, Any]:
    scores, tried = trial.tried.scores, trial.tried
    found: dict[str, Any] = trial.row() | {
        "confusion": scores.confusion.tolist(),
        "by_class": {name: getattr(scores, name).tolist() for name in ("precision", "recall", "f1")},
        "tuning": trial.fitted.tuning,
        "mix": None if trial.mix is None else {"s": list(trial.mix.weights), "gamma": trial.mix.scale},
    }
    if tried.roc is not None and tried.pr is not None:
        found["roc"] = {name: tried.roc[name].tolist() for name in ("FPR", "TPR")}
        found["pr"] = {name: tried.pr[name].tolist() for name in ("recall", "precision")}
    return found


def _curve(trial: Trial) -> Curve:
    tried = trial.tried
    assert tried.roc is not None and tried.pr is not None and tried.roc_area is not None and tried.pr_area is not None
    roc, pr = tried.roc[["FPR", "TPR"]].to_numpy(), tried.pr[["recall", "precision"]].to_numpy()
    at = (float(tried.scores.recall[1]), float(tried.scores.precision[1]))
    return Curve(trial.features, roc, pr, tried.roc_area, tried.pr_area, at)
