"""Updates an earlier result: compares what is new or changed with everything, and keeps the rest.

The result equals that of a full comparison. If a neighbor of a row has changed or no longer exists, another row may
take its place, so that row is compared with everything too (topk). Pairs of rows that no longer exist are dropped.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from elmo_udf.similarity.blocks.pack import Packed, subset
from elmo_udf.similarity.joins.comparison import Comparison, Kept
from elmo_udf.similarity.joins.previous import Previous
from elmo_udf.similarity.joins.ranking import ranked, sorted_pairs
from elmo_udf.similarity.kernels.cosine import STEPS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SideChange:
    """What happened to the rows of one side. Every DataFrame has one column, ``id``.

    Attributes:
        again: Rows to compare with everything, as blocks.
        stale: Ids of rows of the earlier result that no longer count, and of all rows in ``again``.
    """

    counts: dict[str, int]
    again: Packed
    stale: DataFrame


def updated_top_k(comparison: Comparison, previous: Previous, k: int) -> tuple[DataFrame, dict[str, int]]:
    """Returns the table of ``comparison.top_k(k)``, made from the earlier one, and counts for the report."""
    kept = previous.table.select("id", "neighbor_id", _steps())
    changes = _changes(comparison, previous, kept.select(F.col("id"), F.col("neighbor_id").alias("other")))
    if _so_much(comparison, changes):
        return comparison.top_k(k), _counts(changes)
    kept = _without(_without(kept, "id", changes[0].stale), "neighbor_id", changes[-1].stale)
    found = [part.nearest(k + 1) for part in _parts(comparison, changes)]  # one more: a row may find itself
    return ranked(_union(kept, found, "id", "neighbor_id", len(changes) == 1), k), _counts(changes, found)


def updated_pairs(
    comparison: Comparison, previous: Previous, threshold: float, prune: bool
) -> tuple[DataFrame, dict[str, int]]:
    """Returns the table of ``comparison.pairs(threshold)``, made from the earlier one, and counts for the report."""
    changes = _changes(comparison, previous, None)
    if _so_much(comparison, changes):
        return comparison.pairs(threshold, prune), _counts(changes)
    kept = previous.table.select("id_a", "id_b", _steps())
    kept = _without(_without(kept, "id_a", changes[0].stale), "id_b", changes[-1].stale)
    found = [part.found(threshold, prune) for part in _parts(comparison, changes)]
    return sorted_pairs(_union(kept, found, "id_a", "id_b", len(changes) == 1)), _counts(changes, found)


def _changes(comparison: Comparison, previous: Previous, links: DataFrame | None) -> list[SideChange]:
    """Returns the changes of each side.

    ``links`` has ``id`` of a left row and ``other`` of a right one, which was its neighbor.
    """
    found = [_compared(one, known) for one, known in zip(comparison.packed, previous.rows, strict=True)]
    changes = []
    for number, rows in enumerate(found):
        again = rows.where("state IN ('new', 'changed')").select("id")
        stale = rows.where("state IN ('new', 'changed', 'gone')").select("id")
        counts = {row.state: row["count"] for row in rows.groupBy("state").count().collect() if row.state != "same"}
        if links is not None and number == 0:
            lost = found[-1].where("state IN ('changed', 'gone')").select(F.col("id").alias("other"))
            same = rows.where("state = 'same'").select("id")
            affected = links.join(lost, "other", "left_semi").select("id").distinct().join(same, "id", "left_semi")
            counts["affected"] = affected.count()
            again, stale = again.unionAll(affected), stale.unionAll(affected)
        changes.append(SideChange(counts, subset(comparison.spark, comparison.packed[number], again), stale))
    return changes


def _compared(packed: Packed, known: DataFrame) -> DataFrame:
    """Returns ``id`` and ``state`` (new, changed, gone or same) of all current and earlier rows."""
    now = packed.ids.select("id", F.col("digest").alias("now"))
    both = now.join(known.select("id", F.col("digest").alias("then")), "id", "full")
    state = F.when(F.col("then").isNull(), "new").when(F.col("now").isNull(), "gone")
    state = state.when(F.col("now") != F.col("then"), "changed").otherwise("same")
    return both.select("id", state.alias("state"))


def _so_much(comparison: Comparison, changes: list[SideChange]) -> bool:
    """Returns whether comparing everything again is less work."""
    n_rows = [len(one.rows) for one in comparison.packed]
    n_again = [len(change.again.rows) for change in changes]
    if len(n_rows) == 1:
        everything = 2 * n_again[0] > n_rows[0]
    else:
        everything = n_again[0] * n_rows[1] + n_rows[0] * n_again[1] > n_rows[0] * n_rows[1]
    if everything:
        log.info("so many rows are new or have changed that all are compared")
    return everything


def _parts(comparison: Comparison, changes: list[SideChange]) -> list[Comparison]:
    """Returns the remaining comparisons: all rows of a side with those of the other that must be compared again."""
    left, right = comparison.packed[0], comparison.packed[-1]
    sides = (comparison.sides[0], comparison.sides[-1])
    pairs = [(left, changes[-1].again)]
    if len(changes) == 2:
        pairs.append((changes[0].again, right))
    one_table = len(changes) == 1
    kept = [(a, b) for a, b in pairs if len(a.rows) and len(b.rows)]
    return [replace(comparison, sides=sides, packed=pair, same_table=one_table) for pair in kept]


def _union(kept: DataFrame, found: list[Kept], left: str, right: str, one_table: bool) -> DataFrame:
    """Returns what was kept and what was found, each row once. Within one table, no row is its own neighbor."""
    if not found:
        return kept
    fresh = reduce(DataFrame.unionAll, (one.table for one in found))
    if one_table:
        fresh = fresh.where(F.col(left) != F.col(right))
    return kept.unionAll(fresh.select(kept.columns).distinct())


def _without(table: DataFrame, column: str, ids: DataFrame) -> DataFrame:
    """Returns the rows whose ``column`` is not among the ids."""
    return table.join(ids.select(F.col("id").alias(column)), column, "left_anti").select(table.columns)


def _steps() -> Column:
    return F.round(F.col("cosine") * STEPS).cast("int").alias("steps")


def _counts(changes: list[SideChange], found: list[Kept] | None = None) -> dict[str, int]:
    """Returns rows_new, rows_changed and rows_gone for both sides together, and the number of rows compared again.

    If fewer tasks are done than for all rows, it also returns ``tasks``.
    """
    names = {"rows_new": "new", "rows_changed": "changed", "rows_gone": "gone", "rows_affected": "affected"}
    totals = {name: sum(change.counts.get(state, 0) for change in changes) for name, state in names.items()}
    totals["rows_compared_again"] = sum(len(change.again.rows) for change in changes)
    return totals if found is None else totals | {"tasks": sum(one.n_tasks for one in found)}
