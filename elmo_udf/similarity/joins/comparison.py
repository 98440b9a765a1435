"""Exact joins by cosine on Spark: the k nearest neighbors, the pairs above a threshold, or the whole matrix.

The vectors are packed once into blocks in a staging folder that driver and executors share. Tasks read the blocks
there, and reduce their super-tile before anything is written or shuffled. What they keep becomes a small table in the
same folder, and the returned DataFrame reads it. If one task suffices, it does its work when the DataFrame is used, and
writes nothing. So the folder must stay until the result is written or collected.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.similarity.blocks.comparable import Side, shape_of
from elmo_udf.similarity.blocks.files import Folder, Stripe, new_name
from elmo_udf.similarity.blocks.pack import Packed
from elmo_udf.similarity.blocks.threads import task_threads
from elmo_udf.similarity.joins.plan import (
    Plan,
    check_matrix_size,
    make_plan,
    matrix_tasks,
    stripes_of,
    super_tiles,
)
from elmo_udf.similarity.joins.ranking import ranked, sorted_pairs
from elmo_udf.similarity.joins.work import matrix_work, nearest_work, pairs_work, ranked_work
from elmo_udf.similarity.kernels.cost import FEW_BYTES, Cluster, Shape
from elmo_udf.similarity.kernels.prune import Pruning, choose_pruning
from elmo_udf.spark.progress import Pace, watched
from elmo_udf.spark.session import local_cores

log = logging.getLogger(__name__)

_SAMPLE_ROWS = 4096

Task = tuple[Stripe, Stripe | None]
Work = Callable[..., Iterator[pa.RecordBatch]]  # of a task


@dataclass(frozen=True)
class Comparison:
    """One or two packed tables that are ready to be compared. :func:`elmo_udf.compare` returns it."""

    spark: SparkSession
    folder: Folder
    cluster: Cluster
    sides: tuple[Side, ...]
    """One table within a table, otherwise the left and the right one. ``packed`` has the same length."""
    packed: tuple[Packed, ...]
    tile_rows: int
    stripe_rows: int | None
    same_table: bool = False
    """Whether left and right are parts of the same table, so that every pair counts for both of its rows."""

    def top_k(self, k: int) -> DataFrame:
        """Returns the k most similar rows of each row: ``id``, ``rank`` (int, from 1), ``neighbor_id``, ``cosine``.

        The result has fewer rows if a table has fewer. Within one table a row is never its own neighbor. The result is
        sorted by id and rank; neighbors with equal cosines are in the order of their ids.
        """
        k, tile_rows = self._at_most(k), self.tile_rows
        tasks = self.tasks(k)
        if len(tasks) == 1:
            schema = self._schema("id").add("rank", T.IntegerType(), False)
            schema = schema.add("neighbor_id", self.sides[-1].id_type).add("cosine", "double")
            return self._alone(tasks[0], lambda left, right: ranked_work(left, right, k, tile_rows), schema)
        kept = self.nearest(k)
        return ranked(kept.table, k, kept.n_bytes <= FEW_BYTES)

    def _at_most(self, k: int) -> int:
        """Returns k, or the number of possible neighbors if that is smaller. Raises UserError if k is below 1."""
        if k < 1:
            raise UserError(f"k is {k}, expected at least 1")
        return min(k, max(len(one.rows) for one in self.packed) if self._one_table else len(self.packed[-1].rows))

    def nearest(self, k: int) -> Kept:
        """Returns ``id``, ``neighbor_id`` and ``steps`` of the k most similar rows of each row, and of some more."""
        k, both, tile_rows = self._at_most(k), self._one_table, self.tile_rows

        def work(left: Stripe, right: Stripe | None) -> Iterator[pa.RecordBatch]:
            return nearest_work(left, right, k, tile_rows, both)

        return self._run(self.tasks(k), work, self._schema("id", "neighbor_id").add("steps", "integer"))

    def pairs(self, threshold: float, prune: bool = True) -> DataFrame:
        """Returns the pairs whose cosine, rounded to 1e-6, is at least ``threshold``: ``id_a``, ``id_b``, ``cosine``.

        Within one table ``id_a`` is less than ``id_b``; of two tables, ``id_a`` is from the left one. The result is
        sorted by the cosine, largest first, and the ids.

        Args:
            threshold: A cosine between -1 and 1.
            prune: Bound the cosines by a few components first, if a sample says that this is faster. The pairs are the
                same.
        """
        tasks = self.tasks(0)
        if len(tasks) == 1:
            return sorted_pairs(self._alone(tasks[0], *self._pairs_work(threshold, prune)), is_few=True)
        kept = self.found(threshold, prune)
        return sorted_pairs(kept.table, kept.n_bytes <= FEW_BYTES)

    def found(self, threshold: float, prune: bool = True) -> Kept:
        """Returns ``id_a``, ``id_b`` and ``steps`` of the pairs at or above the threshold."""
        return self._run(self.tasks(0), *self._pairs_work(threshold, prune))

    def _pairs_work(self, threshold: float, prune: bool) -> tuple[Work, T.StructType]:
        """Returns the work of a task that finds pairs, and the columns of what it keeps."""
        if not -1 <= threshold <= 1:
            raise UserError(f"threshold is {threshold}, expected a cosine between -1 and 1")
        ordered, tile_rows = self._one_table, self.tile_rows
        pruning = self.pruning(threshold) if prune else None

        def work(left: Stripe, right: Stripe | None) -> Iterator[pa.RecordBatch]:
            return pairs_work(left, right, threshold, tile_rows, ordered, pruning)

        return work, self._schema("id_a", "id_b").add("steps", "integer")

    def pruning(self, threshold: float) -> Pruning | None:
        """Returns how to bound the pairs at a threshold first, or None if a full product is cheaper."""
        samples = [one.rows.sample(_SAMPLE_ROWS) for one in self.packed]
        return choose_pruning(samples[0], None if self._within else samples[-1], threshold)

    def matrix(self) -> tuple[DataFrame, list[Any]]:
        """Returns all cosines, ``id`` and ``cosines`` (array<float>), sorted by id, and the sorted ids of the columns.

        Raises UserError if there are more than 400 million cosines.
        """
        left, right = self.packed[0].rows, self.packed[-1].rows
        check_matrix_size(len(left), len(right))
        n_tasks = matrix_tasks(self._shape(0), self.cluster)
        tasks: list[Task] = [(stripe, right) for stripe in stripes_of(left, n_tasks)]
        rows = self._run(tasks, matrix_work, self._schema("id").add("cosines", T.ArrayType(T.FloatType()))).table
        column_ids = [row.id for row in self.packed[-1].ids.orderBy("id").collect()]
        return rows.orderBy("id"), column_ids

    def plan(self, kept: int) -> Plan:
        """Returns the division into tasks if ``kept`` results are kept per row (0 for pairs)."""
        return make_plan(self._shape(kept), self.cluster, self.stripe_rows)

    def tasks(self, kept: int) -> list[Task]:
        """Returns the super-tiles, the largest first: a pair of stripes, or (stripe, None) for a stripe with itself."""
        plan = self.plan(kept)
        left = stripes_of(self.packed[0].rows, plan.n_left)
        if plan.n_right is None:
            right, tiles = left, super_tiles(len(left), None)
        else:
            right = stripes_of(self.packed[1].rows, plan.n_right)
            tiles = super_tiles(len(left), len(right))
        return [(left[tile.left], None if tile.right is None else right[tile.right]) for tile in tiles]

    def _shape(self, kept: int) -> Shape:
        return shape_of(self.sides, [len(one.rows) for one in self.packed], self.packed[0].width, kept)

    @property
    def _within(self) -> bool:
        return len(self.packed) == 1

    @property
    def _one_table(self) -> bool:
        return self._within or self.same_table

    def _schema(self, left: str, right: str | None = None) -> T.StructType:
        schema = T.StructType().add(left, self.sides[0].id_type)
        return schema if right is None else schema.add(right, self.sides[-1].id_type)

    def _alone(self, task: Task, work: Work, schema: T.StructType) -> DataFrame:
        """Returns a DataFrame that does the only task when it is used, in one partition.

        On a local machine the task uses all cores.
        """
        cores = local_cores(self.spark.sparkContext.master)

        def perform(_: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            with task_threads(cores):
                yield from work(*task)

        return self.spark.range(0, 1, 1, 1).mapInArrow(perform, schema)

    def _run(self, tasks: Sequence[Task], work: Work, schema: T.StructType) -> Kept:
        """Does every task once, and stores the results as a table, so that sorting does not repeat the products."""
        name = f"partial-{new_name()}"
        path = f"{self.folder.uri}/{name}"
        cells = [len(left) * len(right) if right else len(left) ** 2 // 2 for left, right in tasks]
        log.info("comparing %s rows: %d tasks", " with ".join(f"{len(one.rows):,}" for one in self.packed), len(tasks))
        done, n_bytes = (self.spark.sparkContext.accumulator(0) for _ in range(2))

        def perform(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            with task_threads():
                for batch in batches:
                    for number in batch.column(0).to_pylist():
                        for kept in work(*tasks[number]):
                            n_bytes.add(kept.nbytes)
                            yield kept
                        done.add(cells[number])

        with watched(done, lambda pace: progress_line(pace, sum(cells))):
            numbers = self.spark.range(0, len(tasks), 1, len(tasks))
            numbers.mapInArrow(perform, schema).write.parquet(path)
        table = self.spark.read.schema(schema).parquet(path)
        return Kept(table, self.folder.count_rows(name), n_bytes.value, len(tasks))


@dataclass(frozen=True)
class Kept:
    """What the tasks kept: an unsorted table, its number of rows, their bytes in Arrow, and the number of tasks."""

    table: DataFrame
    n_rows: int
    n_bytes: int
    n_tasks: int


def progress_line(pace: Pace[int], total: int) -> str:
    """Returns a line with the finished share, the speed of the last minutes, and the remaining time at that speed."""
    done, speed, left = pace.done, pace.rate(float), pace.left(float, total)
    return f"compared {done:,} of {total:,} pairs ({done / total:.0%}), {speed:,.0f} pairs/s{left}"
