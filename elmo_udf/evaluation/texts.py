"""Embeds the distinct texts of pairs into a table of their pooled layers, in one pass on whole executors."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.embedding.device import check_device
from elmo_udf.embedding.documents import EmbeddedDocument
from elmo_udf.embedding.layout import Layout
from elmo_udf.embedding.stats import WorkerStats, progress_line, stats_accumulator
from elmo_udf.embedding.work import count_tasks
from elmo_udf.embedding.worker import embed_in_worker
from elmo_udf.options import ModelOptions
from elmo_udf.spark.profile import embedding_stage
from elmo_udf.spark.progress import watched
from elmo_udf.spark.shipping import ShippedModel

log = logging.getLogger(__name__)

_SCHEMA = "key string, vectors binary, n_tokens int, reason string, detail string"


@dataclass(frozen=True)
class EmbeddedTexts:
    """Texts with their vectors.

    ``table`` has key, vectors (a row of ``layout`` as float32 bytes, or NULL), n_tokens, reason and detail.
    """

    table: DataFrame
    layout: Layout
    report: dict[str, Any]

    @property
    def good(self) -> DataFrame:
        """The texts that have vectors: key, vectors."""
        return self.table.where("reason IS NULL").select("key", "vectors")


def embed_texts(
    spark: SparkSession,
    texts: DataFrame,
    model: ShippedModel,
    options: ModelOptions,
    layout: Layout,
    folder: str,
    partitions: int | None = None,
) -> EmbeddedTexts:
    """Embeds a table of ``key`` and ``text`` (each once, none NULL) into ``folder``. Returns the result."""
    check_device(spark, options.device, options.precision)
    n_texts, n_characters = texts.agg(F.count("*"), F.sum(F.length("text"))).collect()[0]
    stage = embedding_stage(spark)
    n_tasks = partitions or count_tasks(n_characters or 0, model.network, stage.cpus, stage.slots)
    stats = stats_accumulator(spark.sparkContext)
    log.info("embedding %s distinct texts with %s: %d tasks", f"{n_texts:,}", model.handle, n_tasks)

    def embed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        keys: list[str] = []

        def read() -> Iterator[str]:
            for batch in batches:
                keys.extend(batch.column(0).to_pylist())
                yield from batch.column(1).to_pylist()

        for rows in embed_in_worker(read(), model.file_name, options, layout, stats):
            yield _record_batch(keys[: len(rows)], rows)
            del keys[: len(rows)]

    spread = texts.select("key", "text").repartition(n_tasks, "key")
    with watched(stats, lambda pace: progress_line(pace, n_texts)):
        spread.mapInArrow(embed, _SCHEMA, profile=stage.profile).write.parquet(folder)
    total: WorkerStats = stats.value
    report = {"n_texts": n_texts, "n_tokens": total.n_tokens, "n_sentence_cuts": total.n_cuts, "tasks": n_tasks}
    report |= {"model_loads": len(total.loads), "executors": len({load.executor for load in total.loads})}
    return EmbeddedTexts(spark.read.parquet(folder), layout, report)


def _record_batch(keys: list[str], rows: list[EmbeddedDocument]) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "key": pa.array(keys, pa.string()),
            "vectors": pa.array([None if r.reason else r.vectors.tobytes() for r in rows], pa.binary()),
            "n_tokens": pa.array([r.tokenized.n_tokens for r in rows], pa.int32()),
            "reason": pa.array([r.reason for r in rows], pa.string()),
            "detail": pa.array([r.detail or None for r in rows], pa.string()),
        }
    )
