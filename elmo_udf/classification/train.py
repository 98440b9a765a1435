"""Fits a classifier, and tests it on rows that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pyspark.ml.classification import LogisticRegression, LogisticRegressionModel
from pyspark.ml.evaluation import BinaryClassificationEvaluator, Evaluator, MulticlassClassificationEvaluator
from pyspark.ml.tuning import CrossValidator, ParamGridBuilder
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.classification.scores import Scores
from elmo_udf.cleanup import afterwards


@dataclass(frozen=True)
class Fitted:
    """A logistic regression on ``features``, and the course of choosing its penalty."""

    model: LogisticRegressionModel
    penalty: float
    tuning: dict[str, float]
    """F1 in the folds of the training rows by strength; empty if there was no choice."""


@dataclass(frozen=True)
class Tried:
    """The result of a classifier on the test rows. Areas and curves exist only for two classes."""

    scores: Scores
    roc_area: float | None
    pr_area: float | None
    roc: pd.DataFrame | None
    """False positive rates and true positive rates."""
    pr: pd.DataFrame | None
    """Recall and precision."""


def fit(rows: DataFrame, n_classes: int, options: ClassifyOptions, standardize: bool = True) -> Fitted:
    """Fits a logistic regression on ``features``, ``class`` (0.0, 1.0, ...) and ``tuning_fold``.

    With ``standardize``, the penalty is on the weights of features scaled to deviation 1. It chooses the penalty with
    the best F1 over the tuning folds (of class 1; weighted for more than two classes), and fits the model to all rows
    with it.
    """
    rows = _weighted(rows, n_classes, options).persist()
    with afterwards(rows.unpersist):
        estimator = LogisticRegression(
            labelCol="class", weightCol="weight", maxIter=options.max_iterations, standardization=standardize
        )
        penalties = options.penalties
        if len(penalties) == 1:
            return Fitted(estimator.setRegParam(penalties[0]).fit(rows), penalties[0], {})
        grid = ParamGridBuilder().addGrid(estimator.regParam, penalties).build()
        validator = CrossValidator(
            estimator=estimator,
            estimatorParamMaps=grid,
            evaluator=_tuned_by(n_classes),
            numFolds=options.tuning_folds,
            foldCol="tuning_fold",
        )
        found = validator.fit(rows)
        best: Any = found.bestModel
        tuning = {f"{p:g}": round(float(m), 4) for p, m in zip(penalties, found.avgMetrics, strict=True)}
        return Fitted(best, best.getRegParam(), tuning)


def try_on(model: LogisticRegressionModel, rows: DataFrame, n_classes: int) -> Tried:
    """Classifies labelled rows that the model has not seen. Returns the counts."""
    predicted = model.transform(rows)
    confusion = np.zeros((n_classes, n_classes), np.int64)
    for row in predicted.groupBy("class", "prediction").count().collect():
        confusion[int(row[0]), int(row[1])] = row[2]
    if n_classes > 2:
        return Tried(Scores.of(confusion), None, None, None, None)
    areas = BinaryClassificationEvaluator(labelCol="class", numBins=0)
    roc, pr = (areas.setMetricName(name).evaluate(predicted) for name in ("areaUnderROC", "areaUnderPR"))
    summary: Any = model.evaluate(rows.withColumn("weight", F.lit(1.0)))
    return Tried(Scores.of(confusion), roc, pr, summary.roc.toPandas(), summary.pr.toPandas())


def balanced_weights(counts: np.ndarray) -> np.ndarray:
    """Returns the weights of the rows of each class, (K,): n / (K · n_k), so that all classes count the same."""
    weights: np.ndarray = np.divide(counts.sum() / len(counts), counts, out=np.zeros(len(counts)), where=counts > 0)
    return weights


def _weighted(rows: DataFrame, n_classes: int, options: ClassifyOptions) -> DataFrame:
    if options.class_weights == "none":
        return rows.withColumn("weight", F.lit(1.0))
    counts = np.zeros(n_classes)
    for row in rows.groupBy("class").count().collect():
        counts[int(row[0])] = row[1]
    weights = F.array(*(F.lit(float(weight)) for weight in balanced_weights(counts)))
    return rows.withColumn("weight", F.get(weights, F.col("class").cast("int")))


def _tuned_by(n_classes: int) -> Evaluator:
    return PositiveF1() if n_classes == 2 else MulticlassClassificationEvaluator(labelCol="class", metricName="f1")


class PositiveF1(Evaluator):
    """F1 of class 1. It is 0 if neither rows nor predictions have this class, where Spark's own evaluator fails."""

    def _evaluate(self, dataset: DataFrame) -> float:
        predicted, true = F.col("prediction") == 1, F.col("class") == 1
        row = dataset.select(F.count_if(predicted & true), F.count_if(predicted), F.count_if(true)).collect()[0]
        return 2 * row[0] / (row[1] + row[2]) if row[1] + row[2] else 0.0
