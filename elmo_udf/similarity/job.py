"""Implements jobs/similarity.py as one function."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from elmo_udf.similarity.answers import Answer, answer, asked, draw
from elmo_udf.similarity.blocks.comparable import Side, sides_of
from elmo_udf.similarity.compare import compare
from elmo_udf.similarity.explain import explain, kept
from elmo_udf.similarity.joins.comparison import Comparison
from elmo_udf.similarity.joins.corrected import check_correction_asked, correction_for
from elmo_udf.similarity.joins.fit import write_correction
from elmo_udf.similarity.joins.plan import check_matrix_size
from elmo_udf.similarity.joins.previous import Previous, read_previous, write_rows
from elmo_udf.similarity.joins.sample import check_size, sample_cosines
from elmo_udf.similarity.options import SimilarityOptions
from elmo_udf.similarity.pictures import check_paths, check_sizes
from elmo_udf.spark.metadata import TableMetadata, metadata_of
from elmo_udf.spark.outputs.addresses import address_of
from elmo_udf.spark.outputs.transaction import Transaction, in_transaction
from elmo_udf.spark.outputs.written import Output, Written, given
from elmo_udf.spark.tables import read_table


@dataclass(frozen=True)
class _Inputs:
    left: DataFrame
    right: DataFrame | None
    sides: tuple[Side, ...]
    metadata: TableMetadata | None
    """How the vectors were made, if the table says so."""
    previous: Previous | None


def compare_tables(spark: SparkSession, options: SimilarityOptions) -> dict[str, Any]:
    """Writes the result that ``options.kind`` asks for to ``options.output``. Returns the report.

    Raises UserError before anything is compared: for tables that can't be compared, for an output that exists, for an
    earlier result that can't be updated, and if there would be more than ``options.max_pairs`` pairs.
    """
    check_paths(options)
    outputs = [Output("output", options.output, ("topk", "pairs", "matrix", "groups"))]
    written = Written.of(options, outputs, _read(spark, options), ["csv", "plot"])
    return in_transaction(spark, written, lambda work: _compare(work, options))


def _read(spark: SparkSession, options: SimilarityOptions) -> dict[str, str | None]:
    tables = {"table of --embeddings": options.embeddings, "table of --against": options.against}
    if options.update and address_of(spark, options.update) != address_of(spark, options.output):
        tables["result of --update"] = options.update  # the output itself is replaced by its update
    return tables | given(options, "correction")


def _compare(work: Transaction, options: SimilarityOptions) -> dict[str, Any]:
    spark = work.spark
    inputs = _checked(spark, options)
    if options.dry_run:
        return asked(options) | explain(spark, inputs.sides, options, inputs.previous)
    started = time.perf_counter()
    folder = work.folder("output")
    correction, report = correction_for(spark, options, inputs.sides, inputs.previous)
    comparison = compare(
        inputs.left,
        inputs.right,
        staging=f"{folder}/blocks",
        id_column=options.id_column,
        embedding_column=options.embedding_column,
        names=_names(options),
        block_rows=options.block_rows,
        correction=correction,
    )
    packed_s = time.perf_counter() - started
    cosines = sample_cosines(comparison)
    report |= _sizes(comparison, options) | {"cosine_quantiles": cosines.quantiles()}
    if options.max_pairs is not None:
        report["pairs_estimated"] = check_size(cosines, options.threshold, options.max_pairs)
    found = answer(comparison, options, inputs.previous)
    table = _write(spark, found, comparison, options, f"{folder}/table")
    if correction is not None:
        write_correction(spark, correction, f"{folder}/table")
    n_rows = table.count()
    report |= (
        found.report
        | {"rows_out": n_rows}
        | draw(table, found, cosines, work.staged(options))
        | given(options, "csv", "plot")
    )
    made = {} if inputs.metadata is None else {"vectors": inputs.metadata.as_dict()}
    sidecar = found.sidecar | asked(options) | {"correction": report["correction"], "n_rows": n_rows} | made
    work.put_table("output", f"{folder}/table", sidecar)
    work.put_files()
    seconds = {"packing_s": round(packed_s, 3), "comparing_s": round(time.perf_counter() - started - packed_s, 3)}
    return asked(options) | report | {"output": options.output} | seconds


def _checked(spark: SparkSession, options: SimilarityOptions) -> _Inputs:
    """Returns the tables after all checks. Raises UserError if something must be refused."""
    left = read_table(spark, options.embeddings)
    right = read_table(spark, options.against) if options.against else None
    sides = sides_of(left, right, options.id_column, options.embedding_column, _names(options))
    metadata = metadata_of(left, options.embedding_column)
    previous = read_previous(spark, options.update, options, sides, metadata) if options.update else None
    check_correction_asked(spark, options, sides, metadata)
    if options.kind == "matrix":
        n_rows = [side.table.count() for side in sides]
        check_matrix_size(n_rows[0], n_rows[-1])
        check_sizes(options, n_rows[0], n_rows[-1])
    return _Inputs(left, right, sides, metadata, previous)


def _write(
    spark: SparkSession, found: Answer, comparison: Comparison, options: SimilarityOptions, path: str
) -> DataFrame:
    """Writes the table, and beside it the rows that it was made from, if it can be updated.

    Returns the written table.
    """
    found.table.write.parquet(path)
    if options.kind in ("topk", "pairs"):
        write_rows(comparison.packed, path)
    return spark.read.parquet(path)


def _names(options: SimilarityOptions) -> tuple[str, str]:
    return options.embeddings, options.against or ""


def _sizes(comparison: Comparison, options: SimilarityOptions) -> dict[str, Any]:
    left, right = comparison.packed[0].rows, comparison.packed[-1].rows
    against = {"rows_against": len(right)} if options.against else {}
    n_blocks = sum(len(one.rows.blocks) for one in comparison.packed)
    sizes = {"rows": len(left), **against, "width": comparison.packed[0].width, "blocks": n_blocks}
    return sizes if options.kind == "matrix" else sizes | {"tasks": len(comparison.tasks(kept(options)))}
