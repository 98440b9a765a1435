"""Embeds a corpus: what jobs/embed.py does, as one function."""

from __future__ import annotations

import logging
import time
from typing import Any

from pyspark.sql import SparkSession

from elmo_udf.embedding.plan import Plan, make_plan
from elmo_udf.embedding.progress import watched
from elmo_udf.embedding.rows import OUTCOME, embedded_rows, empty_table
from elmo_udf.embedding.stats import WorkerStats, stats_accumulator
from elmo_udf.options import EmbedOptions
from elmo_udf.spark import commit
from elmo_udf.spark.outcomes import count_outcomes, write_rejects

log = logging.getLogger(__name__)


def embed_corpus(spark: SparkSession, options: EmbedOptions) -> dict[str, Any]:
    """Embed ``options.input`` into the table ``options.output`` and the rejects beside it; returns the report.

    Everything that can be refused is refused before the first document is embedded (UserError). Table and rejects
    come from one pass, are written aside and moved into place when all is done.
    """
    commit.check_same_file_system(spark, options.output, options.rejects_path)
    commit.check_output(spark, options.output, options.mode)
    commit.check_output(spark, options.rejects_path, options.mode)
    plan = make_plan(spark, options)
    if options.dry_run:
        return plan.report()
    stats = stats_accumulator(spark.sparkContext)
    started = time.perf_counter()
    with commit.staging(spark, options.output) as folder:
        with watched(spark, stats, plan.n_rows):
            rows = embedded_rows(plan, options, stats)
            rows.write.partitionBy(OUTCOME).parquet(f"{folder}/rows")
        embedding_s = time.perf_counter() - started
        outcomes = _put_in_place(spark, options, plan, folder)
    return plan.report() | _results(plan, options, outcomes, stats.value, embedding_s)


def _put_in_place(spark: SparkSession, options: EmbedOptions, plan: Plan, folder: str) -> dict[str, int]:
    """Count what was written, and move table and rejects to their paths; number of documents by outcome."""
    outcomes, totals = count_outcomes(spark, f"{folder}/rows", options.level)
    staged_table = f"{folder}/rows/{OUTCOME}=embedded"
    if not outcomes.get("embedded"):
        empty_table(spark, plan, options).write.mode("overwrite").parquet(staged_table)
    write_rejects(spark, f"{folder}/rows", f"{folder}/rejects", plan.id_type)
    sidecar = {"table": "embeddings"} | plan.metadata.as_dict()
    commit.put_table(spark, f"{folder}/rejects", options.rejects_path, {"table": "rejects"}, options.mode)
    commit.put_table(spark, staged_table, options.output, sidecar, options.mode)
    return outcomes | totals


def _results(
    plan: Plan, options: EmbedOptions, outcomes: dict[str, int], stats: WorkerStats, embedding_s: float
) -> dict[str, Any]:
    """The part of the report that is known after the work. The counts are those of the written table."""
    n_embedded = outcomes.pop("embedded", 0)
    totals = {name: outcomes.pop(name) for name in ("n_tokens", "n_truncated", "n_rows_written")}
    n_rejected = sum(outcomes.values())
    if plan.n_rows != n_embedded + n_rejected:
        raise RuntimeError(
            f"{plan.n_rows} rows were read, but {n_embedded} embedded and {n_rejected} rejected; expected the sum to "
            "agree; did the input change during the run?"
        )
    executors = {load.executor for load in stats.loads}
    return {
        "rows_in": plan.n_rows,
        "rows_embedded": n_embedded,
        "rows_rejected": n_rejected,
        "rejected_by_reason": outcomes,
        **totals,
        "n_sentence_cuts": stats.n_cuts,
        "tokens_per_s": round(totals["n_tokens"] / embedding_s, 1),
        "embedding_s": round(embedding_s, 3),
        "model_loads": len(stats.loads),
        "executors": len(executors),
        "model_load_s": round(max((load.seconds for load in stats.loads), default=0.0), 3),
        "output": options.output,
        "rejects": options.rejects_path,
    }
