"""Makes the result of a comparison from what its tasks kept: the best of every row, or all pairs, sorted."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from elmo_udf.similarity.kernels.cosine import STEPS


def ranked(nearest: DataFrame, k: int, is_few: bool = False) -> DataFrame:
    """Returns ``id``, ``rank``, ``neighbor_id``, ``cosine``: the k best of each id. ``nearest`` has ``steps``.

    Args:
        is_few: Whether there are so few rows that one task sorts them and nothing is shuffled.
    """
    best_first = Window.partitionBy("id").orderBy(F.desc("steps"), "neighbor_id")
    together = nearest.coalesce(1) if is_few else nearest.repartitionByRange("id")
    placed = together.withColumn("rank", F.row_number().over(best_first))
    return placed.where(F.col("rank") <= k).select("id", "rank", "neighbor_id", _cosine())


def sorted_pairs(found: DataFrame, is_few: bool = False) -> DataFrame:
    """Returns ``id_a``, ``id_b``, ``cosine``, sorted by descending cosine, from ``id_a``, ``id_b``, ``steps``."""
    together = found.coalesce(1) if is_few else found
    return together.orderBy(F.desc("steps"), "id_a", "id_b").select("id_a", "id_b", _cosine())


def _cosine() -> Column:
    return (F.col("steps") / STEPS).alias("cosine")
