"""Features of the documents, made once and kept in the staging folder until the job ends."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any

from pyspark.ml.functions import array_to_vector
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.classification.source import Source
from elmo_udf.cleaning.columns import clean_column
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.models.form import Mix
from elmo_udf.options import ModelOptions
from elmo_udf.spark.shipping import ship_model

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Vectors:
    """Documents with their vectors: ``id``, ``label``, ``text`` where there is one, and the arrays ``layers``."""

    table: DataFrame
    layers: tuple[str, ...]
    """Columns of the table: ``embedding``, or with --learn-mix one a layer."""
    report: dict[str, Any]
    """Counts of the embedding, for texts."""

    def features(self, mix: Mix | None = None) -> DataFrame:
        """The table with ``features``, a vector of pyspark.ml: of the embedding, or of the layers mixed."""
        columns = [F.col(name) for name in self.layers]
        array = mixed(columns, mix) if mix else columns[0]
        return self.table.withColumn("features", array_to_vector(array))


def make_vectors(spark: SparkSession, source: Source, options: ClassifyOptions, folder: str) -> Vectors:
    """The source's own vectors, or those of its texts: cleaned, then embedded (each layer, with --learn-mix)."""
    if source.has_vectors:
        return Vectors(source.documents, ("embedding",), {})
    cleaned = clean_column(F.col("text"), options)
    texts = source.documents.select("id", cleaned.alias("text"), F.col("label").alias("label_"))
    texts.write.parquet(f"{folder}/texts")
    names: tuple[str, ...] = ("elmo",)
    if options.learn_mix:
        names = ship_model(spark, options.model, options.model_sha256).network.layer_names
    reports = [_embed(spark, options, name, folder) for name in names]
    table = spark.read.parquet(f"{folder}/{names[0]}")
    table = table.select("id", F.col("label_").alias("label"), "text", F.col("embedding").alias(names[0]))
    for name in names[1:]:
        other = spark.read.parquet(f"{folder}/{name}").select("id", F.col("embedding").alias(name))
        table = table.join(other, "id")
    counts = {name: reports[0][name] for name in ("rows_in", "rows_embedded", "rejected_by_reason", "n_tokens")}
    return Vectors(table, names, counts)


def _embed(spark: SparkSession, options: ClassifyOptions, layer: str, folder: str) -> dict[str, Any]:
    log.info("embedding the texts, layer %s", layer)
    model = {item.name: getattr(options, item.name) for item in fields(ModelOptions)}
    layer_ = options.layer if layer == "elmo" else layer
    return embed_corpus(
        spark,
        EmbedOptions(
            input=f"{folder}/texts",
            output=f"{folder}/{layer}",
            keep_columns=("label_", "text"),
            **model | {"layer": layer_},
        ),
    )


def mixed(layers: Sequence[Column], mix: Mix) -> Column:
    """array<float>: scale · Σ softmax(weights)_j · layer_j of pooled layers, word_emb (half as wide) first and doubled.

    Peters et al. 2018, eq. 1. A mean over tokens is linear, so the mix of pooled layers is the pooled mix.
    """
    shares = mix.shares.tolist()
    both = [F.concat(layers[0], layers[0]), *layers[1:]]
    parts = [_times(layer, share) for layer, share in zip(both, shares, strict=True)]
    return reduce(lambda left, right: F.zip_with(left, right, lambda x, y: x + y), parts).cast("array<float>")


def _times(vector: Column, share: float) -> Column:
    return F.transform(vector, lambda x: x * share)
