"""Compares the rows of embedding tables: what jobs/similarity.py does, as one function."""

from __future__ import annotations

import time
from math import ceil
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from elmo_udf.options import SimilarityOptions
from elmo_udf.similarity.compare import cluster_of, compare
from elmo_udf.similarity.join import Comparison
from elmo_udf.similarity.plan import check_matrix_size, make_plan
from elmo_udf.similarity.tables import Side, shape_of, sides_of, width_of
from elmo_udf.similarity.vectors import default_block_rows
from elmo_udf.spark import commit
from elmo_udf.spark.outputs import check_outputs
from elmo_udf.spark.tables import metadata_of, read_table


def compare_tables(spark: SparkSession, options: SimilarityOptions) -> dict[str, Any]:
    """Write what ``options.kind`` asks about ``options.embeddings`` into ``options.output``; returns the report.

    Raises UserError for tables that can't be compared and for an output that exists.
    """
    inputs = {"table of --embeddings": options.embeddings}
    inputs |= {"table of --against": options.against} if options.against else {}
    check_outputs(spark, {"output": options.output}, inputs, options.mode)
    names = (options.embeddings, options.against or "")
    left = read_table(spark, options.embeddings)
    right = read_table(spark, options.against) if options.against else None
    sides = sides_of(left, right, options.id_column, options.embedding_column, names)
    if options.kind == "matrix":
        n_rows = [side.table.count() for side in sides]
        check_matrix_size(n_rows[0], n_rows[-1])
    if options.dry_run:
        return _asked(options) | explain(spark, sides, options)
    started = time.perf_counter()
    with commit.staging(spark, options.output) as folder:
        comparison = compare(
            left,
            right,
            staging=f"{folder}/blocks",
            id_column=options.id_column,
            embedding_column=options.embedding_column,
            names=names,
            block_rows=options.block_rows,
        )
        packed_s = time.perf_counter() - started
        result, sidecar = _ask(comparison, options)
        result.write.parquet(f"{folder}/table")
        n_rows_out = spark.read.parquet(f"{folder}/table").count()
        sidecar |= _asked(options) | _made_of(left, options)
        commit.put_table(spark, f"{folder}/table", options.output, sidecar, options.mode)
    seconds = {"packing_s": round(packed_s, 3), "comparing_s": round(time.perf_counter() - started - packed_s, 3)}
    return _asked(options) | _sizes(comparison, options) | {"rows_out": n_rows_out, "output": options.output} | seconds


def explain(spark: SparkSession, sides: tuple[Side, ...], options: SimilarityOptions) -> dict[str, Any]:
    """The plan in numbers, for tables that were not packed yet."""
    n_rows = [side.table.count() for side in sides]
    shape = shape_of(sides, n_rows, width_of(sides[0]), _kept(options))
    block_rows = options.block_rows or default_block_rows(shape.width)
    blocks = {"block_rows": block_rows, "blocks_at_least": sum(ceil(n / block_rows) for n in n_rows)}
    if 0 in n_rows or options.kind == "matrix":
        return {"rows": n_rows[0], "columns": n_rows[-1], "width": shape.width} | blocks
    return make_plan(shape, cluster_of(spark)).explain() | blocks


def _ask(comparison: Comparison, options: SimilarityOptions) -> tuple[DataFrame, dict[str, Any]]:
    """The result, and what belongs into ``_elmo.json`` with it."""
    if options.kind == "topk":
        return comparison.top_k(options.k), {}
    if options.kind == "pairs":
        return comparison.pairs(options.threshold, options.prune), {}
    table, column_ids = comparison.matrix()
    return table, {"ids": column_ids}


def _asked(options: SimilarityOptions) -> dict[str, Any]:
    limits: dict[str, dict[str, Any]] = {"topk": {"k": options.k}, "pairs": {"threshold": options.threshold}}
    against = {"against": options.against} if options.against else {}
    return {"table": options.kind, "embeddings": options.embeddings} | against | limits.get(options.kind, {})


def _made_of(left: DataFrame, options: SimilarityOptions) -> dict[str, Any]:
    """How the vectors were made, where the table says so."""
    metadata = metadata_of(left, options.embedding_column)
    return {} if metadata is None else {"vectors": metadata.as_dict()}


def _sizes(comparison: Comparison, options: SimilarityOptions) -> dict[str, Any]:
    left, right = comparison.packed[0].rows, comparison.packed[-1].rows
    against = {"rows_against": len(right)} if options.against else {}
    n_blocks = sum(len(one.rows.blocks) for one in comparison.packed)
    sizes = {"rows": len(left), **against, "width": comparison.packed[0].width, "blocks": n_blocks}
    return sizes if options.kind == "matrix" else sizes | {"tasks": len(comparison.tasks(_kept(options)))}


def _kept(options: SimilarityOptions) -> int:
    return options.k if options.kind == "topk" else 0
