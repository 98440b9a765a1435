"""Estimates the cost of a comparison from sizes alone: what ``--dry-run`` says about the user's tables and cluster."""

from __future__ import annotations

from math import ceil
from typing import Any

from pyspark.sql import SparkSession

from elmo_udf.similarity.blocks.comparable import Side, shape_of, width_of
from elmo_udf.similarity.blocks.writer import default_block_rows
from elmo_udf.similarity.compare import cluster_of
from elmo_udf.similarity.joins.fit import read_correction
from elmo_udf.similarity.joins.plan import explain_matrix, make_plan
from elmo_udf.similarity.joins.previous import Previous
from elmo_udf.similarity.options import SimilarityOptions


def explain(
    spark: SparkSession, sides: tuple[Side, ...], options: SimilarityOptions, previous: Previous | None = None
) -> dict[str, Any]:
    """Returns the plan in numbers, for tables that are not packed yet. With ``previous``, it also counts new rows.

    Which rows have changed is only known after their vectors are read.
    """
    n_rows = [side.table.count() for side in sides]
    width = width_of(sides[0])
    shape = shape_of(sides, n_rows, _width_compared(spark, options, previous, width), kept(options))
    block_rows = options.block_rows or default_block_rows(shape.width)
    cluster = cluster_of(spark)
    report: dict[str, Any] = {"slots": cluster.slots, "cpus_of_a_task": cluster.task_cpus}
    report |= {"block_rows": block_rows, "blocks_at_least": sum(ceil(n / block_rows) for n in n_rows)}
    if options.correction_name != "none":  # a product of all rows with themselves, and one with the components
        report["gflop_to_fit_correction"] = round(n_rows[-1] * width**2 / 1e9, 3)
    if previous is not None:
        new = [side.table.join(old, "id", "left_anti").count() for side, old in zip(sides, previous.rows, strict=True)]
        report |= {"rows_new": sum(new), "gflop_of_new_rows": _gflop_of_new(n_rows, new, shape.width)}
    if 0 in n_rows:
        return {"rows": n_rows[0], "columns": n_rows[-1], "width": width} | report
    if options.kind == "matrix":
        return explain_matrix(shape, cluster) | report
    return make_plan(shape, cluster).explain() | report


def _width_compared(spark: SparkSession, options: SimilarityOptions, previous: Previous | None, width: int) -> int:
    """Returns the width of the corrected vectors."""
    if options.correction is not None:
        return read_correction(spark, options.correction).width
    if previous is not None and previous.correction is not None:
        return previous.correction.width
    return options.whiten or width


def _gflop_of_new(n_rows: list[int], new: list[int], width: int) -> float:
    """Returns the GFLOP that it takes to compare the new rows of each side with all rows of the other."""
    return round(2 * width * sum(n * new[-1 - i] for i, n in enumerate(n_rows)) / 1e9, 3)


def kept(options: SimilarityOptions) -> int:
    """Returns the number of results that are kept per row: k, or 0 for pairs."""
    return options.k if options.kind == "topk" else 0
