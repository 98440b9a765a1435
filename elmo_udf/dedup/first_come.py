"""Decides which documents stay: in order, each one that is not similar to an earlier one that stays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.similarity.joins.groups import MAX_EDGES_IN_A_TASK, ends_by_number, fit_a_task


def removed_ids(pairs: DataFrame, folder: str, max_edges: int = MAX_EDGES_IN_A_TASK) -> DataFrame:
    """Returns ``id`` of the documents that don't stay.

    Of the documents in their order, each one stays unless it is similar to an earlier one that stays. So no two
    documents that stay are similar, and each removed one is similar to one that stays. Joins decide in rounds: what no
    earlier document is similar to stays, and what is similar to that is removed. One task decides the rest, as soon as
    it is small enough.

    Args:
        pairs: Columns ``first`` and ``second``: the ids of similar documents, the earlier one first.
        folder: A folder for intermediate tables.
        max_edges: The number of pairs that one task decides.
    """
    spark = pairs.sparkSession
    found: list[DataFrame] = []
    number = 0
    while not fit_a_task(pairs.select("first", "second"), max_edges):
        stays = (
            pairs.select("first").distinct().join(pairs.select(F.col("second").alias("first")), "first", "left_anti")
        )
        removed = pairs.join(stays, "first", "left_semi").select(F.col("second").alias("id")).distinct()
        removed.write.parquet(f"{folder}/removed-{number}")
        removed = spark.read.parquet(f"{folder}/removed-{number}")
        rest = pairs.join(removed.select(F.col("id").alias("first")), "first", "left_anti")
        rest = rest.join(removed.select(F.col("id").alias("second")), "second", "left_anti").select("first", "second")
        rest.write.parquet(f"{folder}/rest-{number}")
        pairs = spark.read.parquet(f"{folder}/rest-{number}")
        found.append(removed)
        number += 1
    last = _removed_in_a_task(pairs)
    for removed in found:
        last = last.unionAll(removed)
    return last


def _removed_in_a_task(pairs: DataFrame) -> DataFrame:
    def solve(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        found = list(batches)
        if not found:
            return
        first, second, ids = ends_by_number(found)
        removed = removed_of(first, second, len(ids))
        yield pa.record_batch({"id": ids.take(pa.array(np.flatnonzero(removed)))})

    schema = T.StructType().add("id", pairs.schema["first"].dataType)
    return pairs.select("first", "second").coalesce(1).mapInArrow(solve, schema)


def removed_of(first: np.ndarray, second: np.ndarray, n: int) -> np.ndarray:
    """Returns which of n documents don't stay, (n,) bool, from pairs of similar ones (E,), the earlier one first.

    A document is decided when all earlier ones that are similar to it are (Kahn's topological order).
    """
    order = np.argsort(first, kind="stable")
    later = second[order].tolist()
    starts = np.searchsorted(first[order], np.arange(n + 1)).tolist()
    undecided = np.bincount(second, minlength=n)
    todo = np.flatnonzero(undecided == 0).tolist()
    waiting, removed = undecided.tolist(), [False] * n
    while todo:
        document = todo.pop()
        for other in later[starts[document] : starts[document + 1]]:
            removed[other] |= not removed[document]
            waiting[other] -= 1
            if not waiting[other]:
                todo.append(other)
    return np.array(removed)
