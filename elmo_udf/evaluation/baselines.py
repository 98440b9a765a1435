"""Computes the baselines for a language model: TF-IDF, and the mean of static word vectors."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.cleanup import afterwards
from elmo_udf.embedding.layout import Layout
from elmo_udf.embedding.tokens import of_tokens
from elmo_udf.evaluation.correlations import Row, row_of
from elmo_udf.evaluation.staged import StagedPairs
from elmo_udf.evaluation.texts import EmbeddedTexts
from elmo_udf.options import ModelOptions
from elmo_udf.study.static_vectors import read_vectors
from elmo_udf.text.tokenizer import Tokenizer
from elmo_udf.tfidf.matrix import tfidf_matrix, with_terms

TFIDF = "tf-idf"
STATIC = "static"


def tfidf_row(pairs: StagedPairs, options: ModelOptions) -> Row:
    """Returns the correlation of TF-IDF cosines (:mod:`elmo_udf.tfidf.matrix`), fitted on the texts of these pairs."""
    documents = with_terms(pairs.texts.withColumnRenamed("key", "id"), "text", options).select("id", "terms").cache()
    with afterwards(documents.unpersist):
        matrix, _ = tfidf_matrix(documents)  # (n, V), rows in the order of the ids
        position = {row.id: i for i, row in enumerate(documents.select("id").orderBy("id").collect())}
    found = pairs.good.orderBy("id").select("key_a", "key_b", "label").collect()
    a, b = (matrix[[position[row[side]] for row in found]] for side in ("key_a", "key_b"))
    lengths = [np.sqrt(np.asarray(side.multiply(side).sum(axis=1)).ravel()) for side in (a, b)]
    with np.errstate(invalid="ignore"):  # a text without a term has no vector, and NaN for a cosine
        cosines = np.asarray(a.multiply(b).sum(axis=1)).ravel() / (lengths[0] * lengths[1])
    return row_of(TFIDF, "-", "-", "none", cosines, np.array([row.label for row in found]))


def static_texts(spark: SparkSession, texts: DataFrame, path: str, options: ModelOptions, folder: str) -> EmbeddedTexts:
    """Returns the mean of the static vectors of each text's tokens. Tokens that are not in the file are ignored.

    A token is looked up as it is written, or else in lower case. Raises UserError if the file has no word vectors.
    """
    flat = of_tokens(F.col("text"), Tokenizer.of(options), lambda sentences: [*chain(*sentences)], "array<string>")
    texts.select("key", flat.alias("tokens")).write.parquet(f"{folder}/tokens")
    tokens = spark.read.parquet(f"{folder}/tokens")
    wanted = {row.token for row in tokens.select(F.explode("tokens").alias("token")).distinct().collect()}
    vectors = read_vectors(path, wanted | {token.lower() for token in wanted})
    shipped = spark.sparkContext.broadcast(vectors)

    def mean(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            found = [shipped.value.mean(words) for words in batch.column(1).to_pylist()]
            means = [None if vector is None else vector.tobytes() for vector in found]
            reasons = [None if vector else "no_known_word" for vector in means]
            yield pa.record_batch(
                [batch.column(0), pa.array(means, pa.binary()), pa.array(reasons, pa.string())],
                names=["key", "vectors", "reason"],
            )

    tokens.mapInArrow(mean, "key string, vectors binary, reason string").write.parquet(f"{folder}/vectors")
    table = spark.read.parquet(f"{folder}/vectors")
    n_without = table.where("reason IS NOT NULL").count()
    report = {"vectors_words_found": len(vectors.rows), "vectors_words_wanted": len(wanted)}
    report |= {"vectors_texts_without": n_without}
    return EmbeddedTexts(table, Layout((STATIC,), (vectors.width,), ("mean",)), report)
