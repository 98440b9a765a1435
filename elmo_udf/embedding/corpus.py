"""Embeds a corpus: what jobs/embed.py does, as one function."""

from __future__ import annotations

import time
from typing import Any

from pyspark.sql import SparkSession

from elmo_udf.embedding.device import used_devices
from elmo_udf.embedding.plan import Plan, make_plan
from elmo_udf.embedding.rows import OUTCOME, embedded_rows, empty_table
from elmo_udf.embedding.stats import WorkerStats, progress_line, stats_accumulator
from elmo_udf.options import EmbedOptions
from elmo_udf.spark import commit
from elmo_udf.spark.outcomes import Counts, count_outcomes, write_rejects
from elmo_udf.spark.outputs import check_outputs
from elmo_udf.spark.progress import watched
from elmo_udf.spark.tables import check_append


def embed_corpus(spark: SparkSession, options: EmbedOptions) -> dict[str, Any]:
    """Embed ``options.input`` into the table ``options.output`` and the rejects beside it; returns the report.

    Everything that can be refused is refused before the first document is embedded (UserError). Table and rejects
    come from one pass, are written aside and moved into place when all is done.
    """
    outputs = {"output": options.output, "rejects": options.rejects_path}
    check_outputs(spark, outputs, {"input": options.input}, options.mode)
    plan = make_plan(spark, options)
    if options.mode == "append":
        schema = empty_table(spark, plan, options).schema
        check_append(spark, options.output, options.rejects_path, plan.metadata, schema, plan.documents)
    if options.dry_run:
        return plan.report()
    stats = stats_accumulator(spark.sparkContext)
    started = time.perf_counter()
    with commit.staging(spark, options.output) as folder:
        with watched(stats, lambda done, seconds: progress_line(done, plan.n_rows, seconds)):
            rows = embedded_rows(plan, options, stats)
            rows.write.partitionBy(OUTCOME).parquet(f"{folder}/rows")
        embedding_s = time.perf_counter() - started
        counts = count_outcomes(spark, f"{folder}/rows", options.level)
        _check_sum(plan, counts)
        _put_in_place(spark, options, plan, folder, counts)
    return plan.report() | _results(options, counts, stats.value, embedding_s)


def _check_sum(plan: Plan, counts: Counts) -> None:
    """Nothing is lost: rows in are rows embedded and rows rejected, as they were written."""
    if plan.n_rows != counts.n_embedded + counts.n_rejected:
        raise RuntimeError(
            f"{plan.n_rows} rows were read, but {counts.n_embedded} embedded and {counts.n_rejected} rejected; "
            "expected the sum to agree; nothing was put in place; did the input change during the run?"
        )


def _put_in_place(spark: SparkSession, options: EmbedOptions, plan: Plan, folder: str, counts: Counts) -> None:
    """Move the staged table and its rejects to their paths."""
    staged_table = f"{folder}/rows/{OUTCOME}=embedded"
    if not counts.n_embedded:
        empty_table(spark, plan, options).write.mode("overwrite").parquet(staged_table)
    write_rejects(spark, f"{folder}/rows", f"{folder}/rejects", plan.id_type)
    sidecar = {"table": "embeddings"} | plan.metadata.as_dict()
    commit.put_table(spark, f"{folder}/rejects", options.rejects_path, {"table": "rejects"}, options.mode)
    commit.put_table(spark, staged_table, options.output, sidecar, options.mode)


def _results(options: EmbedOptions, counts: Counts, stats: WorkerStats, embedding_s: float) -> dict[str, Any]:
    """The part of the report that is known after the work. The counts are those of the written table."""
    return {
        "rows_embedded": counts.n_embedded,
        "rows_rejected": counts.n_rejected,
        "rejected_by_reason": counts.rejected,
        "n_rows_written": counts.n_rows,
        "n_tokens": counts.n_tokens,
        "n_truncated": counts.n_truncated,
        "n_sentence_cuts": stats.n_cuts,
        "tokens_per_s": round(counts.n_tokens / embedding_s, 1),
        "embedding_s": round(embedding_s, 3),
        "model_loads": len(stats.loads),
        "executors": len({load.executor for load in stats.loads}),
        "devices": used_devices(stats),
        "model_load_s": round(max((load.seconds for load in stats.loads), default=0.0), 3),
        "output": options.output,
        "rejects": options.rejects_path,
    }
