"""Implements jobs/embed.py as one function."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from pyspark.sql import SparkSession

from elmo_udf.embedding.increments import (
    beside_table,
    count_found,
    count_parts,
    divide,
    next_parts,
    parts_of,
    write_found,
)
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.embedding.plan import Plan, make_plan
from elmo_udf.embedding.report import results
from elmo_udf.embedding.rows import checked_documents, empty_table
from elmo_udf.embedding.run import Run
from elmo_udf.spark.outputs.additions import check_additions, check_new_ids
from elmo_udf.spark.outputs.outcomes import Counts
from elmo_udf.spark.outputs.transaction import Transaction, in_transaction
from elmo_udf.spark.outputs.writer import check_encoding
from elmo_udf.spark.outputs.written import Output, Written


def embed_corpus(
    spark: SparkSession, options: EmbedOptions, layers: Sequence[str] = (), within: Transaction | None = None
) -> dict[str, Any]:
    """Embeds ``options.input`` into the table ``options.output`` and the rejects. Returns the report.

    With ``layers``, a vector consists of these layers of the model side by side, instead of ``options.layer``.

    Everything that must be refused is refused before the first document is embedded (UserError). The table and the
    rejects come from one pass. They are staged and then moved into place, with mode incremental in portions.
    """
    outputs = Output("output", options.output, ("embeddings",)), Output("rejects", options.rejects_path, ("rejects",))
    written = Written.of(options, outputs, {"input": options.input, "model": options.model})
    return in_transaction(spark, written, lambda work: _embed(work, options, layers), within)


def _embed(work: Transaction, options: EmbedOptions, layers: Sequence[str]) -> dict[str, Any]:
    started, spark = time.perf_counter(), work.spark
    check_encoding(options.encoding, spark.version)
    plan = make_plan(spark, options, layers)
    is_there = _check_table(spark, plan, options)
    if options.dry_run:
        return plan.report() | (_explained(spark, plan, options, is_there) if options.mode == "incremental" else {})
    run = Run(spark, plan, options, work, is_there, time.perf_counter() - started)
    return _embed_new(run) if options.mode == "incremental" else _embed_all(run)


def _check_table(spark: SparkSession, plan: Plan, options: EmbedOptions) -> bool:
    """Returns whether there is a table to which rows are added. Raises UserError if it can't take these rows."""
    replaces_all = options.mode == "overwrite" and not options.partition_by
    if options.mode == "error" or replaces_all:
        return False
    paths = (options.output, options.rejects_path)
    schema = empty_table(spark, plan, options).schema
    is_there = check_additions(spark, paths, plan.metadata, schema, options.partition_by)
    if is_there and options.mode == "append":
        check_new_ids(spark, options.output, plan.documents)
    return is_there


def _explained(spark: SparkSession, plan: Plan, options: EmbedOptions, is_there: bool) -> dict[str, Any]:
    found = count_found(beside_table(spark, plan, options, is_there))
    return {
        "rows_to_embed": found.n_new,
        "rows_unchanged": found.n_unchanged,
        "rejected_by_reason": found.n_rejected,
        "commits": count_parts(plan, options, found),
    }


def _embed_all(run: Run) -> dict[str, Any]:
    """Embeds every document of the input, in one commit."""
    plan = run.plan
    counts = run.embed(checked_documents(plan.documents), plan.n_tasks, plan.n_rows)
    _check_sum(plan, counts.n_embedded + counts.n_rejected)
    run.put(counts)
    return plan.report() | results(run, counts, counts.rejected)


def _embed_new(run: Run) -> dict[str, Any]:
    """Embeds the documents that the table does not contain, in as many commits as requested."""
    spark, plan, options, folder = run.spark, run.plan, run.options, run.work.folder("output")
    path, divided = f"{folder}/documents", f"{folder}/parts"
    found = run.timed("find_s", lambda: write_found(beside_table(spark, plan, options, run.is_there), path))
    _check_sum(plan, found.n_new + found.n_unchanged + sum(found.n_rejected.values()))
    run.add_rejected(path, sum(found.n_rejected.values()))
    n_parts = count_parts(plan, options, found)
    if n_parts > 1:
        run.timed("find_s", lambda: divide(spark, path, n_parts, divided))
    parts, done = range(1), 0
    while parts and (found.n_new or not run.is_there):
        started = time.perf_counter()
        documents = parts_of(spark, path, divided, n_parts, parts)
        share = len(parts) / n_parts
        n_tasks = plan.tasks_for(round(found.n_characters * share), options)
        counts = run.embed(documents, n_tasks, found.n_new)
        run.commit(counts)
        done += counts.n_embedded + counts.n_rejected
        parts = next_parts(parts, n_parts, time.perf_counter() - started, options)
    if done != found.n_new:
        raise RuntimeError(f"{found.n_new} documents were to be embedded, but {done} were written; run the job again")
    rejected = (run.counts + Counts(0, found.n_rejected, 0, 0, 0)).rejected
    return plan.report() | results(run, run.counts, rejected) | {"rows_unchanged": found.n_unchanged}


def _check_sum(plan: Plan, n_rows: int) -> None:
    """Checks that nothing is lost: the rows read are the rows embedded, rejected or unchanged."""
    if plan.n_rows != n_rows:
        raise RuntimeError(
            f"{plan.n_rows} rows were read, but {n_rows} embedded, rejected or found unchanged; expected the sum to "
            "agree; nothing was put in place; did the input change during the run?"
        )
