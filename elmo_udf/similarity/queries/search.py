"""Finds the rows nearest to some vectors in one pass over an embedding table."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.similarity.kernels.best import Best
from elmo_udf.similarity.kernels.correction import Correction
from elmo_udf.similarity.kernels.cosine import STEPS, Rows, exact_block, exact_steps, scale_rows
from elmo_udf.spark.inputs.batches import Batches, map_batches

_ANSWER = ("id", "sentence_index", "token_index", "token")
_WORD = "_word"
"""The token in lower case."""
_CELLS = 1 << 20
QUERIES_IN_A_PASS = 1024
"""Number of queries in one pass. Every task holds their vectors and their best rows."""


def nearest(
    table: DataFrame, vector: np.ndarray, k: int, but_not: str | None = None, correction: Correction | None = None
) -> DataFrame:
    """Returns the ``k`` rows nearest to ``vector`` (D,): id, cosine and, if any, sentence_index, token_index, token.

    It takes one pass over the table. The vectors of the table are corrected first, as ``vector`` is already. A task
    only passes on its own k best rows. Cosines are float64, rounded to 1e-6, and the result is sorted by (−cosine, id).
    With ``but_not``, a word, it returns the k nearest other words, each with its nearest row; words that differ only in
    case are the same word.
    """
    if but_not is not None:
        return _nearest_words(table, vector, k, but_not, correction)
    found = nearest_to_each(table, vector[None], k, correction)
    return found.orderBy("rank").drop("query", "rank")


def nearest_to_each(table: DataFrame, vectors: np.ndarray, k: int, correction: Correction | None = None) -> DataFrame:
    """Returns the rows nearest to each of the vectors (Q, D): ``query`` (from 0), ``rank`` (from 1), and those columns.

    It takes one pass for every QUERIES_IN_A_PASS of them.
    """
    names = [name for name in _ANSWER if name in table.columns]
    rows = table.select(*names, "embedding")
    schema = T.StructType().add("query", "integer")
    schema = T.StructType([*schema, *(table.schema[name] for name in names)]).add("steps", "integer")
    passes = [
        map_batches(rows, _best_of_batches(vectors[start : start + QUERIES_IN_A_PASS], start, k, correction), schema)
        for start in range(0, len(vectors), QUERIES_IN_A_PASS)
    ]
    found = passes[0]
    for one in passes[1:]:
        found = found.unionAll(one)
    best_first = Window.partitionBy("query").orderBy(F.desc("steps"), *names)
    found = found.withColumn("rank", F.row_number().over(best_first)).where(F.col("rank") <= k)
    return found.select("query", "rank", *names, (F.col("steps") / STEPS).alias("cosine"))


def _best_of_batches(vectors: np.ndarray, first: int, k: int, correction: Correction | None) -> Batches:
    wanted = Rows.of(scale_rows(vectors))  # (Q, D)

    def best(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        best = Best(len(wanted), k)
        size = max(1, _CELLS // len(wanted))
        for whole in batches:
            for start in range(0, len(whole), size):
                batch, rows = _compared(whole.slice(start, size), correction)
                if len(rows):
                    best.offer(exact_block(wanted, rows), batch)
        result = best.result()
        if result is not None:
            query = pa.array(result["query"].to_numpy() + np.int32(first), pa.int32())
            yield pa.record_batch([query, *result.columns[1:]], names=result.schema.names)

    return best


def _compared(batch: pa.RecordBatch, correction: Correction | None) -> tuple[pa.RecordBatch, Rows]:
    """Returns the columns of the rows and their corrected vectors, without those that are zero then."""
    column = batch.column(batch.num_columns - 1)
    values = column.flatten().to_numpy().reshape(len(column), -1)  # (B, D)
    values = values if correction is None else correction.apply(values)
    directed = values.any(axis=1) & np.isfinite(values).all(axis=1)
    kept = batch.select(batch.schema.names[:-1]).filter(pa.array(directed))
    return kept, Rows.of(scale_rows(values[directed]))


def _nearest_words(
    table: DataFrame, vector: np.ndarray, k: int, but_not: str, correction: Correction | None
) -> DataFrame:
    names = [name for name in _ANSWER if name in table.columns]
    rows = table.select(*names, F.lower("token").alias(_WORD), "embedding")
    rows = rows.where(F.col(_WORD) != F.lower(F.lit(but_not)))
    schema = T.StructType([field for field in rows.schema if field.name != "embedding"]).add("cosine", "double")
    found = rows.mapInArrow(_best_words_of_batches(vector, k, correction), schema)
    order = [F.desc("cosine"), *(F.asc(name) for name in names)]
    found = found.withColumn("_place", F.row_number().over(Window.partitionBy(_WORD).orderBy(*order)))
    return found.where("_place = 1").drop("_place", _WORD).orderBy(*order).limit(k)


def _best_words_of_batches(vector: np.ndarray, k: int, correction: Correction | None) -> Batches:
    wanted = Rows.of(scale_rows(vector[None]))  # (1, D)

    def best(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for whole in batches:
            batch, rows = _compared(whole, correction)
            cosines = exact_steps(wanted, rows, np.zeros(len(rows), np.int64), np.arange(len(rows))) / STEPS  # (B,)
            # Everything that ties with the k-th stays: ids decide, and they are compared by Spark.
            heads, candidates = _best_of_words(cosines, batch.column(_WORD).to_pandas())
            least = np.partition(heads, -k)[-k] if len(heads) > k else -np.inf
            kept = pa.array(candidates[cosines[candidates] >= least])
            columns = [batch.column(i).take(kept) for i in range(batch.num_columns)]
            names = [*batch.schema.names, "cosine"]
            yield pa.RecordBatch.from_arrays([*columns, pa.array(cosines).take(kept)], names=names)

    return best


def _best_of_words(cosines: np.ndarray, words: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Returns the best cosine of every word (W,) and the positions of its rows, from cosines (B,)."""
    by_word = pd.Series(cosines).groupby(words.to_numpy())
    return by_word.max().to_numpy(), np.flatnonzero(cosines == by_word.transform("max").to_numpy())
