"""Makes the features of the documents once, and keeps them in the staging folder until the job ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any

from pyspark.ml.functions import array_to_vector
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.classification.source import Source
from elmo_udf.cleaning.columns import clean_column
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.layout import Layout
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.models.form import Mix
from elmo_udf.options import ModelOptions
from elmo_udf.spark.outputs.transaction import Transaction
from elmo_udf.spark.shipping import ship_model


@dataclass(frozen=True)
class Vectors:
    """Documents with their vectors: ``id``, ``label``, ``text`` if there is one, and the arrays ``layers``."""

    table: DataFrame
    layers: tuple[str, ...]
    """Columns of the table: ``embedding``, or with --learn-mix one per layer."""
    report: dict[str, Any]
    """Counts of the embedding, if the input is texts."""

    def features(self, mix: Mix | None = None) -> DataFrame:
        """Returns the table with ``features``, a vector of pyspark.ml: the embedding, or the mixed layers."""
        columns = [F.col(name) for name in self.layers]
        array = mixed(columns, mix) if mix else columns[0]
        return self.table.withColumn("features", array_to_vector(array))


def make_vectors(work: Transaction, source: Source, options: ClassifyOptions, folder: str) -> Vectors:
    """Returns the source's own vectors, or those of its texts, which are cleaned and then embedded.

    With --learn-mix, every layer is embedded.
    """
    if source.has_vectors:
        return Vectors(source.documents, ("embedding",), {})
    spark = work.spark
    cleaned = clean_column(F.col("text"), options)
    texts = source.documents.select("id", cleaned.alias("text"), F.col("label").alias("label_"))
    texts.write.parquet(f"{folder}/texts")
    model = {item.name: getattr(options, item.name) for item in fields(ModelOptions)}
    embedding = EmbedOptions(
        input=f"{folder}/texts", output=f"{folder}/vectors", keep_columns=("label_", "text"), **model
    )
    network = ship_model(spark, options.model, options.model_sha256, options.model_max_gib).network
    names = network.layer_names if options.learn_mix else ()
    report = embed_corpus(spark, embedding, names, within=work)
    columns = [F.col("embedding")]
    if names:
        parts = [Layout.of(network, names).view(name, options.pooling).parts[0] for name in names]
        columns = [F.slice("embedding", part.start + 1, part.width) for part in parts]
        columns = [column.alias(name) for name, column in zip(names, columns, strict=True)]
    table = spark.read.parquet(f"{folder}/vectors").select("id", F.col("label_").alias("label"), "text", *columns)
    counts = {name: report[name] for name in ("rows_in", "rows_embedded", "rejected_by_reason", "n_tokens")}
    return Vectors(table, names or ("embedding",), counts)


def mixed(layers: Sequence[Column], mix: Mix) -> Column:
    """Returns array<float>: scale · Σ softmax(weights)_j · layer_j of pooled layers.

    word_emb is the first layer, and is doubled because it is half as wide (Peters et al. 2018, eq. 1). A mean over
    tokens is linear, so the mix of pooled layers is the pooled mix.
    """
    shares = mix.shares.tolist()
    both = [F.concat(layers[0], layers[0]), *layers[1:]]
    parts = [_times(layer, share) for layer, share in zip(both, shares, strict=True)]
    return reduce(lambda left, right: F.zip_with(left, right, lambda x, y: x + y), parts).cast("array<float>")


def _times(vector: Column, share: float) -> Column:
    return F.transform(vector, lambda x: x * share)
