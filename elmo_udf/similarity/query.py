"""The rows of an embedding table most like one text, or like one word in its sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.embedding.udf import elmo_udf
from elmo_udf.errors import UserError
from elmo_udf.options import QueryOptions
from elmo_udf.similarity.cosine import STEPS, Rows, exact_steps, scale_rows
from elmo_udf.spark.shipping import ship_model
from elmo_udf.spark.tables import TableMetadata, metadata_of, read_embeddings

_ANSWER = ("id", "sentence_index", "token_index", "token")


def query(spark: SparkSession, options: QueryOptions) -> dict[str, Any]:
    """The ``k`` rows of the table with the greatest cosine to the text (level token: to ``word`` in the text).

    The text is embedded as the table was. Raises UserError for a table of another level, a model other than the
    table's, a text without a token, and a word that is not in the text.
    """
    table = read_embeddings(spark, options.embeddings)
    made = metadata_of(table, "embedding")
    assert made is not None  # read_embeddings refuses other tables
    _check_level(options, made)
    model = options.model or made.model
    fingerprint = ship_model(spark, model).fingerprint
    if fingerprint != made.fingerprint:
        raise UserError(
            f"model {model!r} has fingerprint {fingerprint}, and table {options.embeddings!r} was made with "
            f"{made.fingerprint}; expected the same model; name it with --model"
        )
    report = {"model": model, "fingerprint": fingerprint, "layer": made.layer, "embeddings": options.embeddings}
    if options.dry_run:
        return report
    vector = _vector(spark, options, replace(made, model=model))
    answers = [row.asDict() for row in nearest(table, vector, options.k).collect()]
    for rank, answer in enumerate(answers, 1):
        answers[rank - 1] = {"rank": rank, **answer}
    return report | {"text": options.text} | ({"word": options.word} if options.word else {}) | {"answers": answers}


def nearest(table: DataFrame, vector: np.ndarray, k: int) -> DataFrame:
    """The ``k`` rows nearest to ``vector`` (D,): id (and sentence_index, token_index, token where there are), cosine.

    One pass over the table; a batch of rows is reduced to its own k best before it leaves the executor. Cosines are
    float64, rounded to 1e-6, and ordered by (−cosine, id).
    """
    names = [name for name in _ANSWER if name in table.columns]
    schema = T.StructType([table.schema[name] for name in names]).add("cosine", "double")
    found = table.select(*names, "embedding").mapInArrow(_best_of_batches(vector, k), schema)
    return found.orderBy(F.desc("cosine"), *names).limit(k)


def _best_of_batches(vector: np.ndarray, k: int) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    wanted = Rows.of(scale_rows(vector[None]))  # (1, D)

    def best(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            column = batch.column(batch.num_columns - 1)
            rows = Rows.of(scale_rows(column.flatten().to_numpy().reshape(len(column), -1)))  # (B, D)
            cosines = exact_steps(wanted, rows, np.zeros(len(rows), np.int64), np.arange(len(rows))) / STEPS  # (B,)
            # Everything that ties with the k-th stays: ids decide, and they are compared by Spark.
            least = np.partition(cosines, -k)[-k] if len(cosines) > k else -np.inf
            kept = pa.array(np.flatnonzero(cosines >= least))
            columns = [batch.column(i).take(kept) for i in range(batch.num_columns - 1)]
            names = [*batch.schema.names[:-1], "cosine"]
            yield pa.RecordBatch.from_arrays([*columns, pa.array(cosines).take(kept)], names=names)

    return best


def _check_level(options: QueryOptions, made: TableMetadata) -> None:
    fits = {"document": ("document", "sentence"), "token": ("token",)}[options.level]
    if made.level not in fits:
        raise UserError(
            f"table {options.embeddings!r} is of level {made.level}, and --level {options.level} needs one of "
            f"{' or '.join(fits)}; embed the corpus with --level {fits[0]}, or query with another --level"
        )


def _vector(spark: SparkSession, options: QueryOptions, made: TableMetadata) -> np.ndarray:
    """The vector (D,) of the text as a document, or of the first occurrence of the word in it."""
    embed = elmo_udf(spark=spark, **made.options() | {"level": options.level})
    text = spark.createDataFrame([(options.text,)], "text string").coalesce(1)
    value = text.select(embed("text").alias("embedding")).collect()[0].embedding
    if value is None:
        raise UserError(f"text {options.text!r} has no token, expected at least one; give another --text")
    if options.level == "document":
        return np.array(value, np.float32)
    for token in value:
        if token.token == options.word:
            return np.array(token.embedding, np.float32)
    tokens = " ".join(token.token for token in value)
    raise UserError(f"word {options.word!r} is not a token of the text; found {tokens!r}; give one of these as --word")
