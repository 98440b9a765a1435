"""Implements jobs/dedup.py as one function."""

from __future__ import annotations

from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.dedup.first_come import removed_ids
from elmo_udf.dedup.options import DedupOptions
from elmo_udf.errors import UserError
from elmo_udf.similarity.blocks.comparable import sides_of
from elmo_udf.similarity.compare import compare
from elmo_udf.similarity.kernels.cosine import STEPS
from elmo_udf.spark.inputs.columns import quoted
from elmo_udf.spark.metadata import metadata_of
from elmo_udf.spark.outputs.transaction import Transaction, in_transaction
from elmo_udf.spark.outputs.writer import vector_writer
from elmo_udf.spark.outputs.written import Output, Written
from elmo_udf.spark.tables import read_table


def remove_duplicates(spark: SparkSession, options: DedupOptions) -> dict[str, Any]:
    """Writes the documents that stay to ``options.output``, and the others with their matches. Returns the report.

    Raises UserError before anything is compared: for tables that can't be compared, an unknown column, or an output
    that exists.
    """
    outputs = [
        Output("output", options.output, ("embeddings", "survivors")),
        Output("removed", options.removed_path, ("removed",)),
    ]
    read = {"table of --embeddings": options.embeddings, "table of --against": options.against}
    return in_transaction(spark, Written.of(options, outputs, read), lambda work: _remove(work, options))


def _remove(work: Transaction, options: DedupOptions) -> dict[str, Any]:
    spark = work.spark
    table = read_table(spark, options.embeddings)
    against = read_table(spark, options.against) if options.against else None
    sides_of(table, against, options.id_column, options.embedding_column, (options.embeddings, options.against or ""))
    _check_columns(table, against, options)
    asked = {"embeddings": options.embeddings, "against": options.against or "", "threshold": options.threshold}
    asked |= {"keep": options.keep or f"{options.id_column} asc"}
    places = {"output": options.output, "removed": options.removed_path}
    if options.dry_run:
        return asked | {"rows_in": table.count()} | places
    folder = work.folder("output")
    removed = _removed(table, against, options, folder)
    removed.write.parquet(f"{work.folder('removed')}/table")
    removed = spark.read.schema(removed.schema).parquet(f"{work.folder('removed')}/table")
    gone = removed.select(F.col("id").alias(options.id_column))
    survivors = table.join(gone, options.id_column, "left_anti").select(*map(quoted, table.columns))
    vector_writer(survivors, "plain").parquet(f"{folder}/table")
    counts = _counts(table, spark.read.schema(survivors.schema).parquet(f"{folder}/table"), removed)
    metadata = metadata_of(table, options.embedding_column)
    made = {"table": "survivors"} if metadata is None else {"table": "embeddings"} | metadata.as_dict()
    work.put_table("removed", f"{work.folder('removed')}/table", {"table": "removed"} | asked)
    work.put_table("output", f"{folder}/table", made | {"deduplicated": asked})
    return asked | counts | places


def _check_columns(table: DataFrame, against: DataFrame | None, options: DedupOptions) -> None:
    rule = options.keep_rule()
    if rule is not None and rule[0] not in table.columns:
        raise UserError(
            f"keep names column {rule[0]!r}, which is not in table {options.embeddings!r}; found {table.columns}; "
            "name one of these"
        )
    if against is not None:
        ours, theirs = (one.schema[options.id_column].dataType.simpleString() for one in (table, against))
        if ours != theirs:
            raise UserError(
                f"table {options.against!r} has ids of type {theirs}, and table {options.embeddings!r} of {ours}; "
                "expected one type; convert one of them"
            )


def _removed(table: DataFrame, against: DataFrame | None, options: DedupOptions, folder: str) -> DataFrame:
    """Returns ``id``, ``match_id``, ``match_table`` (embeddings or against) and ``cosine`` of the removed documents."""
    parts = []
    if against is not None:
        near = _pairs(table, against, options, f"{folder}/against")
        parts.append(_best(near.select(F.col("id_a").alias("id"), F.col("id_b").alias("match_id"), "steps"), "against"))
        found = near.select(F.col("id_a").alias(options.id_column)).distinct()
        table = table.join(found, options.id_column, "left_anti")
    pairs = _in_order(_pairs(table, None, options, f"{folder}/blocks"), table, options)
    pairs.write.parquet(f"{folder}/pairs")
    pairs = table.sparkSession.read.parquet(f"{folder}/pairs")
    removed_ids(pairs, folder).write.parquet(f"{folder}/ids")
    ids = table.sparkSession.read.parquet(f"{folder}/ids")
    matches = pairs.join(ids.select(F.col("id").alias("first")), "first", "left_anti")
    matches = matches.select(F.col("second").alias("id"), F.col("first").alias("match_id"), "steps")
    parts.append(_best(matches.unionAll(_back(pairs, ids)), "embeddings"))
    removed = parts[0] if len(parts) == 1 else parts[0].unionAll(parts[1])
    return removed.orderBy(F.desc("cosine"), "id")


def _back(pairs: DataFrame, ids: DataFrame) -> DataFrame:
    """Returns the pairs in which the removed document is the earlier one, and the later one stays."""
    earlier = pairs.join(ids.select(F.col("id").alias("first")), "first", "left_semi")
    earlier = earlier.join(ids.select(F.col("id").alias("second")), "second", "left_anti")
    return earlier.select(F.col("first").alias("id"), F.col("second").alias("match_id"), "steps")


def _pairs(table: DataFrame, against: DataFrame | None, options: DedupOptions, staging: str) -> DataFrame:
    """Returns ``id_a``, ``id_b`` and ``steps`` of the pairs at or above the threshold."""
    comparison = compare(
        table,
        against,
        staging=staging,
        id_column=options.id_column,
        embedding_column=options.embedding_column,
        names=(options.embeddings, options.against or ""),
    )
    return comparison.found(options.threshold).table


def _in_order(pairs: DataFrame, table: DataFrame, options: DedupOptions) -> DataFrame:
    """Returns ``first``, ``second`` and ``steps``: the ids of each pair in the order of ``options.keep``."""
    rule = options.keep_rule()
    if rule is None:  # id_a is the smaller id
        return pairs.select(F.col("id_a").alias("first"), F.col("id_b").alias("second"), "steps")
    column, largest_first = rule
    values = table.select(F.col(options.id_column).alias("id"), quoted(column).alias("value"))
    a = values.select(F.col("id").alias("id_a"), F.col("value").alias("value_a"))
    b = values.select(F.col("id").alias("id_b"), F.col("value").alias("value_b"))
    joined = pairs.join(a, "id_a").join(b, "id_b")
    b_comes_first = _is_before(F.col("value_b"), F.col("value_a"), largest_first)
    return joined.select(
        F.when(b_comes_first, F.col("id_b")).otherwise(F.col("id_a")).alias("first"),
        F.when(b_comes_first, F.col("id_a")).otherwise(F.col("id_b")).alias("second"),
        "steps",
    )


def _is_before(one: Column, other: Column, largest_first: bool) -> Column:
    """Returns whether a value comes before another one. NULL comes last."""
    before = one > other if largest_first else one < other
    return F.coalesce(before, one.isNotNull() & other.isNull())


def _best(matches: DataFrame, where: str) -> DataFrame:
    """Returns each document once, with its most similar match, the one with the smallest id of equal ones."""
    best = F.min(F.struct((-F.col("steps")).alias("minus_steps"), F.col("match_id").alias("match_id"))).alias("best")
    found = matches.groupBy("id").agg(best)
    cosine = (-F.col("best.minus_steps") / STEPS).alias("cosine")
    return found.select("id", F.col("best.match_id").alias("match_id"), F.lit(where).alias("match_table"), cosine)


def _counts(table: DataFrame, survivors: DataFrame, removed: DataFrame) -> dict[str, int]:
    """Returns the numbers of rows. Raises RuntimeError if a row is lost."""
    n_in, n_out, n_removed = table.count(), survivors.count(), removed.count()
    if n_in != n_out + n_removed:
        raise RuntimeError(
            f"{n_in} rows were read, but {n_out} stay and {n_removed} were removed; nothing was put in place"
        )
    by_table = {row.match_table: row["count"] for row in removed.groupBy("match_table").count().collect()}
    return {
        "rows_in": n_in,
        "rows_out": n_out,
        "rows_removed": n_removed,
        "rows_removed_against": by_table.get("against", 0),
    }
