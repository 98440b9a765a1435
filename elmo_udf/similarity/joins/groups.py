"""Groups rows that pairs connect: the connected components of a graph whose edges are pairs of similar rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.similarity.blocks.files import new_name
from elmo_udf.similarity.kernels.cosine import STEPS

MAX_EDGES_IN_A_TASK = 4_000_000
"""Number of pairs that one Python worker can hold: about 400 MB if ids are strings of 20 characters."""
MAX_ID_BYTES_IN_A_TASK = 1 << 29
"""Total size of all ids of these pairs, which counts if ids are long. Arrow holds 2 GiB in a column."""


def grouped(pairs: DataFrame, folder: str, max_edges: int = MAX_EDGES_IN_A_TASK) -> DataFrame:
    """Returns ``id``, ``group_id``, ``size`` (int) and ``cosine`` (double) for each row that is in a pair.

    ``group_id`` is the id of the group's representative: the member in most pairs, or the one with the smallest id if
    there are several. ``cosine`` is that with the representative, or NULL if the two are not a pair, so that only
    others connect them. The largest groups come first, then they are sorted by ``group_id``; in a group, the
    representative comes first, then the rows are sorted by descending cosine and by id.

    Args:
        pairs: Columns ``id_a``, ``id_b`` and ``steps``, with each pair once and id_a < id_b.
        folder: A folder for intermediate tables.
    """
    sides = [pairs.select(F.col(a).alias("id"), F.col(b).alias("other"), "steps") for a, b in _DIRECTIONS]
    links = sides[0].unionAll(sides[1])
    members = components(pairs, folder, max_edges).join(links.groupBy("id").agg(F.count("*").alias("degree")), "id")
    of_group = Window.partitionBy("component")
    best = F.min(F.struct(-F.col("degree"), F.col("id").alias("id"))).over(of_group)["id"]
    members = members.select("id", best.alias("group_id"), F.count("*").over(of_group).cast("int").alias("size"))
    near = links.select("id", F.col("other").alias("group_id"), "steps")
    steps = F.when(F.col("id") == F.col("group_id"), STEPS).otherwise(F.col("steps"))
    table = members.join(near, ["id", "group_id"], "left").withColumn("steps", steps)
    is_other = F.col("id") != F.col("group_id")
    table = table.orderBy(F.desc("size"), "group_id", is_other, F.desc_nulls_last("steps"), "id")
    return table.select("id", "group_id", "size", (F.col("steps") / STEPS).alias("cosine"))


def components(pairs: DataFrame, folder: str, max_edges: int = MAX_EDGES_IN_A_TASK) -> DataFrame:
    """Returns ``id`` and ``component``, the smallest id of the rows that pairs connect with it, for each row in a pair.

    One task handles up to ``max_edges`` pairs, if their ids are not too long. Otherwise joins are repeated until
    nothing changes.
    """
    edges = pairs.select("id_a", "id_b")
    return components_in_a_task(edges) if fit_a_task(edges, max_edges) else components_by_joins(edges, folder)


def fit_a_task(edges: DataFrame, max_edges: int) -> bool:
    """Returns whether one Python worker can hold these edges: two columns of ids."""
    n_bytes = sum((F.octet_length(F.col(end).cast("string")) for end in edges.columns), F.lit(0))
    lengths = edges.select(n_bytes.alias("n")).limit(max_edges + 1)
    size = lengths.agg(F.count("*").alias("edges"), F.sum("n").alias("bytes")).collect()[0]
    return size.edges <= max_edges and (size.bytes or 0) <= MAX_ID_BYTES_IN_A_TASK


def ends_by_number(batches: list[pa.RecordBatch]) -> tuple[np.ndarray, np.ndarray, pa.Array]:
    """Returns both ends of all edges, (E,) each, as places in an array of the distinct ids, and this array."""
    ends = pa.chunked_array([batch.column(side) for side in (0, 1) for batch in batches]).combine_chunks()
    coded = ends.dictionary_encode()
    first, second = np.split(coded.indices.to_numpy(), 2)
    return first, second, coded.dictionary


def components_in_a_task(edges: DataFrame) -> DataFrame:
    """Computes the components with scipy, which needs all edges at once."""

    def solve(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        found = list(batches)
        if not found:
            return
        a, b, ids = ends_by_number(found)
        n = len(ids)
        _, labels = connected_components(coo_array((np.ones(len(a), bool), (a, b)), shape=(n, n)), directed=False)
        yield pa.record_batch({"id": ids, "label": pa.array(labels, pa.int64())})

    schema = T.StructType().add("id", edges.schema["id_a"].dataType).add("label", "long")
    labelled = edges.coalesce(1).mapInArrow(solve, schema)
    return labelled.select("id", F.min("id").over(Window.partitionBy("label")).alias("component"))


def components_by_joins(edges: DataFrame, folder: str) -> DataFrame:
    """Computes the components by alternating large-star and small-star.

    The algorithm is from Kiveris et al. 2014, "Connected components in MapReduce and beyond". Both steps preserve the
    components. After a few rounds, every row has an edge to the smallest row of its component. Each round is a table in
    ``folder``, so that plans don't grow with the number of rounds.
    """
    spark = edges.sparkSession
    stars, before = edges.select(F.col("id_b").alias("u"), F.col("id_a").alias("v")), None
    while True:
        path = f"{folder}/stars-{new_name()}"
        _small_star(_large_star(stars)).write.parquet(path)
        stars = spark.read.parquet(path)
        found = stars.agg(F.count("*"), F.sum(F.xxhash64("u", "v").cast("decimal(38,0)"))).first()
        if found == before:
            break
        before = found
    roots = stars.select(F.col("v").alias("id")).distinct()
    return stars.select(F.col("u").alias("id"), F.col("v").alias("component")).unionAll(
        roots.select("id", F.col("id").alias("component"))
    )


_DIRECTIONS = (("id_a", "id_b"), ("id_b", "id_a"))


def _large_star(edges: DataFrame) -> DataFrame:
    """Connects every larger neighbor of a row to the row's smallest neighbor (or to the row).

    The edges (u, v) have any direction.
    """
    both = edges.unionAll(edges.select(F.col("v").alias("u"), F.col("u").alias("v")))
    smallest = both.groupBy("u").agg(F.min("v").alias("m")).select("u", F.least("u", "m").alias("m"))
    larger = both.where("v > u").join(smallest, "u")
    return larger.select(F.col("v").alias("u"), F.col("m").alias("v")).distinct()


def _small_star(edges: DataFrame) -> DataFrame:
    """Connects, for edges (u, v) with u > v, a row and its neighbors to the smallest of these."""
    smallest = edges.groupBy("u").agg(F.min("v").alias("m"))
    others = edges.join(smallest, "u").where("v > m").select(F.col("v").alias("u"), F.col("m").alias("v"))
    return others.unionAll(smallest.select("u", F.col("m").alias("v"))).distinct()
