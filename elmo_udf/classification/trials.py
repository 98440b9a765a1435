"""Tries classifiers on the same rows: ELMo, ELMo with a learned mix, TF-IDF."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
from pyspark.ml.feature import IDF, CountVectorizer, Normalizer
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from elmo_udf.classification.features import Vectors
from elmo_udf.classification.learned_mix import MixProblem
from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.classification.train import Fitted, Tried, balanced_weights, fit, try_on
from elmo_udf.cleanup import afterwards
from elmo_udf.models.form import Mix
from elmo_udf.spark.session import task_slots
from elmo_udf.tfidf.matrix import with_terms

log = logging.getLogger(__name__)

MIX_BYTES = 2**29
"""Largest size in bytes of the rows that a mix is fitted on. Its few parameters need no more."""


@dataclass(frozen=True)
class Trial:
    """One kind of features, the classifier fitted on them, and its result on the test rows."""

    features: str
    fitted: Fitted
    tried: Tried
    mix: Mix | None = None
    """The mix of the layers, if it was fitted."""

    def row(self) -> dict[str, Any]:
        """Returns the numbers for the report."""
        scores, tried = self.tried.scores, self.tried
        binary = len(scores.f1) == 2
        picked = {name: getattr(scores, name) for name in ("f1", "precision", "recall")}
        numbers = {name: value[1] if binary else value.mean() for name, value in picked.items()}
        numbers |= {"accuracy": scores.accuracy}
        numbers |= {"roc_area": tried.roc_area, "pr_area": tried.pr_area} if binary else {}
        rounded = {name: round(float(value), 4) for name, value in numbers.items()}
        return {"features": self.features, **rounded, "regularization": self.fitted.penalty}


def run_trials(
    vectors: Vectors, rows: DataFrame, is_test: Column, n_classes: int, options: ClassifyOptions
) -> Iterator[Trial]:
    """Fits on the rows that are not ``is_test``, and tests on those that are. ``rows`` has id, class and tuning_fold.

    Everything that is fitted (vocabulary, term weights, mix of layers, penalty, classifier) sees only training rows.
    """
    equal = Mix.equal(len(vectors.layers) - 1) if options.learn_mix else None
    name = "ELMo, equal mix" if equal else f"ELMo, layer {options.layer}"
    trial = _elmo(name, vectors, rows, is_test, equal, n_classes, options)
    yield trial
    if equal:
        mix = learn_mix(vectors, rows.where(~is_test), trial.fitted.penalty, options)
        trial = _elmo("ELMo, learned mix", vectors, rows, is_test, mix, n_classes, options)
        yield replace(trial, mix=mix)
    if options.tfidf:
        yield _tfidf(vectors, rows, is_test, n_classes, options)


def learn_mix(vectors: Vectors, train: DataFrame, penalty: float, options: ClassifyOptions) -> Mix:
    """Returns the weights of the layers for these rows (see MixProblem). A hash chooses rows beyond MIX_BYTES."""
    names = vectors.layers
    table = vectors.table.join(train.select("id", "class"), "id").persist()
    width = len(table.select(names[1]).head(1)[0][0])
    n_rows = max(1, MIX_BYTES // (8 * width * len(names)))
    kept = table.orderBy(F.xxhash64("id"), "id").limit(n_rows).select("class", *names).toArrow()
    table.unpersist()
    arrays = [np.asarray(kept[name].combine_chunks().flatten(), np.float64).reshape(len(kept), -1) for name in names]
    layers = np.stack([np.hstack([arrays[0], arrays[0]]), *arrays[1:]])  # (J, n, D)
    classes = kept["class"].to_numpy()
    weights = np.ones(len(classes))
    if options.class_weights == "balanced":
        weights = balanced_weights(np.bincount(classes.astype(int), minlength=2))[classes.astype(int)]
    log.info("fitting the mix of %d layers to %s rows", len(names), f"{len(kept):,}")
    return MixProblem(layers, classes, weights / weights.sum(), penalty).fit()


def _elmo(
    name: str,
    vectors: Vectors,
    rows: DataFrame,
    is_test: Column,
    mix: Mix | None,
    n_classes: int,
    options: ClassifyOptions,
) -> Trial:
    log.info("fitting the classifier on %s", name)
    features = _spread(vectors.features(mix).select("id", "features"), rows).persist()
    with afterwards(features.unpersist):
        fitted = fit(features.where(~is_test), n_classes, options)
        return Trial(name, fitted, try_on(fitted.model, features.where(is_test), n_classes))


def _tfidf(vectors: Vectors, rows: DataFrame, is_test: Column, n_classes: int, options: ClassifyOptions) -> Trial:
    """Tries TF-IDF, with terms as in ``tfidf.matrix`` and rows of length 1. The penalty is on the unscaled weights.

    (With features scaled to deviation 1, a word in one text would outweigh words in a hundred.)
    """
    log.info("fitting the classifier on TF-IDF")
    texts = vectors.table.select("id", F.coalesce("text", F.lit("")).alias("text"))
    terms = _spread(with_terms(texts, "text", options).select("id", "terms"), rows).persist()
    with afterwards(terms.unpersist):
        train = terms.where(~is_test)
        counter = CountVectorizer(inputCol="terms", outputCol="counts", vocabSize=2**31 - 1).fit(train)
        idf = IDF(inputCol="counts", outputCol="weighted").fit(counter.transform(train))
        scaled = Normalizer(inputCol="weighted", outputCol="features")
        fitted = fit(scaled.transform(idf.transform(counter.transform(train))), n_classes, options, standardize=False)
        test = scaled.transform(idf.transform(counter.transform(terms.where(is_test))))
        return Trial("TF-IDF", fitted, try_on(fitted.model, test, n_classes))


def _spread(features: DataFrame, rows: DataFrame) -> DataFrame:
    """Returns features with the roles of their rows, in few partitions: a regression reads them hundreds of times."""
    n_partitions = max(task_slots(rows.sparkSession), ceil(rows.count() / 50_000))
    return features.join(rows, "id").repartition(n_partitions, "id")
