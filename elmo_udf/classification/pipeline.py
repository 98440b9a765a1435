"""Makes the saved pipeline: from raw text to label, or from vectors if nobody knows how these were made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyspark.ml import PipelineModel, Transformer
from pyspark.ml.feature import IndexToString
from pyspark.sql import SparkSession

from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.classification.source import Source
from elmo_udf.classification.trials import Trial
from elmo_udf.embedding.udf import model_options
from elmo_udf.ml import ElmoEmbedder, TextCleaner
from elmo_udf.options import ModelOptions
from elmo_udf.secrets import without_secrets
from elmo_udf.spark.shipping import ship_model

PREDICTED = "predicted_label"
"""Column that the pipeline adds. It also adds ``probability`` and ``prediction``, the number of the class."""


def from_text(
    spark: SparkSession, trial: Trial, source: Source, labels: list[str], options: ClassifyOptions
) -> PipelineModel:
    """Returns a pipeline of cleaner (if there are steps), embedder, classifier and label.

    Texts without a token get no row. For a table of vectors, the embedder is the one that made it. If the table does
    not say how it was made, there is no embedder, and the pipeline begins at a column ``features``.
    """
    stages: list[Transformer] = []
    text = options.text_column
    if options.steps:
        cleaner = _cleaner(options)
        stages.append(cleaner)
        text = cleaner.getOutputCol()
    embedder = _embedder(spark, trial, source, options)
    if embedder is not None:
        stages.append(embedder.setInputCol(text).setOutputCol("features").setHandleInvalid("skip"))
    stages.append(trial.fitted.model)
    stages.append(IndexToString(inputCol="prediction", outputCol=PREDICTED, labels=labels))
    return PipelineModel(stages)


def _cleaner(options: ClassifyOptions) -> TextCleaner:
    return TextCleaner(
        inputCol=options.text_column,
        outputCol=f"{options.text_column}_cleaned",
        steps=list(options.steps),
        language=options.language,
        punctuation=options.punctuation,
        punctuationBecomes=options.punctuation_becomes,
    )


def _embedder(spark: SparkSession, trial: Trial, source: Source, options: ClassifyOptions) -> Any:
    if not source.has_vectors:
        fingerprint = ship_model(spark, options.model, options.model_sha256, options.model_max_gib).fingerprint
        return ElmoEmbedder.of_options(replace(options, model=without_secrets(options.model)), fingerprint, trial.mix)
    if source.metadata is None:
        return None
    made: ModelOptions = replace(model_options(**source.metadata.options()), model_sha256=None)
    return ElmoEmbedder.of_options(made, source.metadata.fingerprint)
