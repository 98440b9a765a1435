"""From what the tasks of a comparison kept to its result: the best of every row, or all pairs, in order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.similarity.blocks import ranks_of
from elmo_udf.similarity.cosine import STEPS
from elmo_udf.similarity.nearest import exact_keys

_BATCH_ROWS = 1 << 16


def ranked(nearest: DataFrame, k: int, is_few: bool = False) -> DataFrame:
    """``id``, ``rank``, ``neighbor_id``, ``cosine``: of ``id``, ``neighbor_id``, ``steps`` the k best of every id.

    is_few: so few rows that one task holds them all.
    """
    if is_few:
        return _ranked_in_a_task(nearest, k)
    best_first = Window.partitionBy("id").orderBy(F.desc("steps"), "neighbor_id")
    placed = nearest.repartitionByRange("id").withColumn("rank", F.row_number().over(best_first))
    return placed.where(F.col("rank") <= k).select("id", "rank", "neighbor_id", _cosine())


def sorted_pairs(found: DataFrame, is_few: bool = False) -> DataFrame:
    """``id_a``, ``id_b``, ``cosine``, the greatest cosine first: of ``id_a``, ``id_b``, ``steps``."""
    together = found.coalesce(1) if is_few else found
    return together.orderBy(F.desc("steps"), "id_a", "id_b").select("id_a", "id_b", _cosine())


def _ranked_in_a_task(nearest: DataFrame, k: int) -> DataFrame:
    """By numpy, in a worker that runs already: sooner than Spark has compiled its way to do it."""

    def rank(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pieces = [batch for batch in batches if len(batch)]
        if not pieces:
            return
        found = pa.Table.from_batches(pieces)
        ids, id_codes, id_ranks = _coded(found["id"])
        neighbors, neighbor_codes, neighbor_ranks = _coded(found["neighbor_id"])
        steps = found["steps"].to_numpy().astype(np.int64)
        order = np.lexsort((exact_keys(steps, neighbor_ranks), id_ranks))
        first = np.flatnonzero(np.diff(id_ranks[order], prepend=-1))  # of every id, its place in the order
        place = np.arange(len(order)) - np.repeat(first, np.diff(first, append=len(order)))
        order, place = order[place < k], place[place < k]
        for start in range(0, len(order), _BATCH_ROWS):
            rows = order[start : start + _BATCH_ROWS]
            yield pa.record_batch(
                {
                    "id": ids.take(pa.array(id_codes[rows])),
                    "rank": pa.array(place[start : start + _BATCH_ROWS] + 1, pa.int32()),
                    "neighbor_id": neighbors.take(pa.array(neighbor_codes[rows])),
                    "cosine": pa.array(steps[rows] / STEPS),
                }
            )

    schema = T.StructType([nearest.schema["id"], T.StructField("rank", T.IntegerType(), nullable=False)])
    schema = schema.add(nearest.schema["neighbor_id"]).add("cosine", "double")
    return nearest.coalesce(1).mapInArrow(rank, schema)


def _coded(ids: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """The different ids; of each one its place among these, (n,), and its rank among these, (n,) int64."""
    coded = ids.dictionary_encode()  # all chunks get one dictionary
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in coded.chunks])
    dictionary = coded.chunk(0).dictionary
    return dictionary, codes, ranks_of(dictionary)[codes]


def _cosine() -> Column:
    return (F.col("steps") / STEPS).alias("cosine")
