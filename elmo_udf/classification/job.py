"""Implements jobs/classify.py as one function."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from pyspark.ml.feature import IndexToString, StringIndexerModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.classification.features import Vectors, make_vectors
from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.classification.pipeline import PREDICTED, from_text
from elmo_udf.classification.results import PARTS, write_predictions, write_results
from elmo_udf.classification.rows import roles
from elmo_udf.classification.source import Source, check_sources, check_vectors, read_source
from elmo_udf.classification.trials import Trial, run_trials
from elmo_udf.errors import UserError
from elmo_udf.models.form import Mix
from elmo_udf.spark.outputs.transaction import Transaction, in_transaction
from elmo_udf.spark.outputs.written import Output, Written
from elmo_udf.spark.shipping import ship_model

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Task:
    """What is to be learned from which rows, after all checks."""

    train: Source
    test: Source | None
    labels: list[str]
    """The classes in order. If there are two, the positive one is the last."""
    counts: dict[str, int]
    rows_in: int
    roles: DataFrame

    @property
    def most_frequent(self) -> str:
        """The label of the largest number of rows."""
        return max(self.labels, key=lambda label: self.counts[label])


def classify(spark: SparkSession, options: ClassifyOptions) -> dict[str, Any]:
    """Trains on ``options.train``, tests, and predicts ``options.test``. Writes ``options.output``, returns the report.

    Raises UserError, before any text is embedded, for inputs that can't be used and for an output that exists.
    """
    inputs = {"train": options.train} | ({"test": options.test} if options.test else {})
    outputs = [Output("output", options.output, ("classifier",), PARTS)]
    written = Written.of(options, outputs, inputs | {"model": options.model})
    return in_transaction(spark, written, lambda work: _classify(work, options))


def _classify(work: Transaction, options: ClassifyOptions) -> dict[str, Any]:
    spark = work.spark
    task = _prepare(spark, options)
    report = _planned(spark, task, options)
    if options.dry_run:
        return report
    folder = work.folder("output")
    vectors = make_vectors(work, task.train, options, f"{folder}/train")
    rows = _labelled_rows(vectors, task)
    n_rows = rows.count()
    report |= {"rows_without_vector": report["rows_labelled"] - n_rows} | vectors.report
    trials = list(run_trials(vectors, rows, F.col("is_test"), len(task.labels), options))
    report |= _results(trials)
    report |= _cross_validated(vectors, rows, task, options)
    chosen = trials[1] if options.learn_mix else trials[0]
    pipeline = from_text(spark, chosen, task.train, task.labels, options)
    write_results(spark, pipeline, trials, task.labels, report, f"{folder}/result")
    if task.test:
        report |= _predict(work, task, task.test, chosen, options, folder)
    rows.unpersist()
    sidecar = {"table": "classifier"} | {name: report[name] for name in ("model", "fingerprint", "features")}
    work.put_table("output", f"{folder}/result", sidecar)
    return report | {"output": options.output}


def _prepare(spark: SparkSession, options: ClassifyOptions) -> _Task:
    train = read_source(spark, options.train, options, options.label_column)
    test = read_source(spark, options.test, options, None) if options.test else None
    check_sources(train, test, options)
    width = check_vectors(train, options.train)
    if test is not None and options.test is not None:
        _check_test(test, options.test, width)
    counts = {row[0]: row[1] for row in train.documents.groupBy("label").count().collect()}
    rows_in = sum(counts.values())
    counts.pop(None, 0)
    labels = _labels(list(counts), options)
    if not train.has_vectors:
        ship_model(spark, options.model, options.model_sha256, options.model_max_gib).network.width(options.layer)
    row_roles = roles(spark, train.documents.where("label IS NOT NULL"), options)
    return _Task(train, test, labels, counts, rows_in, row_roles)


def _check_test(test: Source, path: str, width: int | None) -> None:
    """Raises UserError for vectors that the classifier can't read, and for ids that would get two predictions."""
    found = check_vectors(test, path)
    if found is not None and width is not None and found != width:
        raise UserError(f"embeddings of {path!r} have {found} values, expected {width}, as in training")
    repeated = test.documents.where("id IS NOT NULL").groupBy("id").count().where("count > 1").first()
    if test.has_vectors and repeated is not None:
        raise UserError(
            f"id {repeated[0]!r} occurs in {path!r} {repeated[1]} times, expected each id once; repair the table"
        )


def _labels(found: list[str], options: ClassifyOptions) -> list[str]:
    """Returns the labels in order, with numbers by value. If there are two, the positive one is the last."""
    if len(found) < 2:
        shown = f"only {found[0]!r}" if found else "none"
        raise UserError(
            f"label column {options.label_column!r} of {options.train!r} has {shown}, expected at least two labels; "
            "name another with --label-column"
        )
    numbers = all(label.lstrip("-").isdecimal() for label in found)
    labels = sorted(found, key=int) if numbers else sorted(found)
    if len(labels) > 2 and (options.learn_mix or options.positive_label is not None):
        raise UserError(
            f"{options.train!r} has {len(labels)} labels, and --learn-mix and --positive-label are for two; "
            "leave out these options"
        )
    if options.positive_label is not None:
        if options.positive_label not in labels:
            raise UserError(f"positive label {options.positive_label!r} is not one of {labels}; choose one of these")
        labels.sort(key=lambda label: label == options.positive_label)
    return labels


def _planned(spark: SparkSession, task: _Task, options: ClassifyOptions) -> dict[str, Any]:
    """Returns the part of the report that is known before the work."""
    if task.train.has_vectors:
        made = task.train.metadata
        model = {
            "features": "vectors of the table",
            "model": made.model if made else "unknown",
            "fingerprint": made.fingerprint if made else "unknown",
        }
    else:
        shipped = ship_model(spark, options.model, options.model_sha256, options.model_max_gib)
        model = {
            "features": "layers of the texts, mixed" if options.learn_mix else f"layer {options.layer} of the texts",
            "model": shipped.handle,
            "fingerprint": shipped.fingerprint,
            "model_note": shipped.note,
            "steps": ", ".join(options.steps),
        }
    counts = task.roles.groupBy("is_test").count().collect()
    by_role = {row[0]: row[1] for row in counts}
    return model | {
        "rows_in": task.rows_in,
        "rows_labelled": sum(by_role.values()),
        "rows_train": by_role.get(False, 0),
        "rows_test": by_role.get(True, 0),
        "split": f"train_test_split(test_size={options.test_size:g}, random_state={options.seed}), in the order of ids",
        "labels": ", ".join(f"{label} ({task.counts[label]:,})" for label in task.labels),
        "positive_label": task.labels[1] if len(task.labels) == 2 else "",
    }


def _labelled_rows(vectors: Vectors, task: _Task) -> DataFrame:
    """Returns ``id``, ``class``, ``is_test``, ``fold`` and ``tuning_fold`` of the labelled rows that have a vector."""
    indexer = StringIndexerModel.from_labels(task.labels, inputCol="label", outputCol="class")
    there = vectors.table.where(F.col("label").isNotNull() & F.col(vectors.layers[0]).isNotNull())
    return indexer.transform(there.select("id", "label")).drop("label").join(task.roles, "id").coalesce(1).persist()


def _results(trials: list[Trial]) -> dict[str, Any]:
    mixes = [trial.mix for trial in trials if trial.mix is not None]
    return {"results": [trial.row() for trial in trials]} | (_shown_mix(mixes[0]) if mixes else {})


def _shown_mix(mix: Mix) -> dict[str, Any]:
    return {"mix_s": ", ".join(f"{weight:.4f}" for weight in mix.weights), "mix_gamma": round(mix.scale, 4)}


def _cross_validated(vectors: Vectors, rows: DataFrame, task: _Task, options: ClassifyOptions) -> dict[str, Any]:
    """Returns F1 in each fold with mean and deviation, for every kind of features."""
    if not options.folds:
        return {}
    found: dict[str, list[float]] = {}
    for number in range(options.folds):
        log.info("fold %d of %d", number + 1, options.folds)
        for trial in run_trials(vectors, rows, F.col("fold") == number, len(task.labels), options):
            found.setdefault(trial.features, []).append(float(trial.row()["f1"]))
    rows_of_folds = [
        {
            "features": name,
            "f1_mean": round(mean(values), 4),
            "f1_deviation": round(stdev(values), 4),
            "f1": " ".join(f"{value:.4f}" for value in values),
        }
        for name, values in found.items()
    ]
    return {"cross_validation": rows_of_folds}


def _predict(
    work: Transaction, task: _Task, test: Source, chosen: Trial, options: ClassifyOptions, folder: str
) -> dict[str, Any]:
    vectors = make_vectors(work, test, options, f"{folder}/test")
    mix = chosen.mix
    rows = vectors.features(mix).where("features IS NOT NULL").select("id", "features")
    named = IndexToString(inputCol="prediction", outputCol=PREDICTED, labels=task.labels)
    predicted = named.transform(chosen.fitted.model.transform(rows)).select("id", F.col(PREDICTED).alias("label"))
    to = f"{folder}/result/predictions.csv"
    return dict(write_predictions(predicted, test.documents, task.most_frequent, folder, to))
