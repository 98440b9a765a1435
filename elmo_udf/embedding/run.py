"""Runs the job: embeds documents into its staging folder, and moves the result into place."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.embedding.plan import Plan
from elmo_udf.embedding.rows import embedded_rows, empty_table
from elmo_udf.embedding.stats import progress_line, stats_accumulator
from elmo_udf.spark import changes, files
from elmo_udf.spark.inputs.documents import kept_columns
from elmo_udf.spark.outputs.additions import rejects_schema
from elmo_udf.spark.outputs.outcomes import EMBEDDED, OUTCOME, Counts, count_outcomes, rejects_of, staged_rows, to_stage
from elmo_udf.spark.outputs.transaction import Transaction
from elmo_udf.spark.outputs.writer import vector_writer
from elmo_udf.spark.progress import Pace, watched
from elmo_udf.spark.tables import read_rows

Result = TypeVar("Result")


class Run:
    """What one run has done so far. Between :meth:`embed` and :meth:`commit` there is one portion of the work."""

    def __init__(
        self, spark: SparkSession, plan: Plan, options: EmbedOptions, work: Transaction, is_there: bool, plan_s: float
    ) -> None:
        """``is_there`` says whether there is a table to which rows are added."""
        self.spark, self.plan, self.options, self.work, self.is_there = spark, plan, options, work, is_there
        self.stats = stats_accumulator(spark.sparkContext)
        self._pace = Pace(self.stats.value)
        self.counts = Counts(0, {}, 0, 0, 0)
        self.n_commits = 0
        self.stage_s: dict[str, float] = {"plan_s": plan_s}
        self._schema = empty_table(spark, plan, options).schema
        self._after = _newest_time(spark, options.output) if is_there else None

    def timed(self, stage: str, work: Callable[[], Result]) -> Result:
        """Returns the result of ``work``, and adds its seconds to those of a stage of the report."""
        started = time.perf_counter()
        try:
            return work()
        finally:
            self.stage_s[stage] = self.stage_s.get(stage, 0.0) + time.perf_counter() - started

    def embed(self, documents: DataFrame, n_tasks: int, n_all: int) -> Counts:
        """Embeds checked documents into the staging folder.

        Returns counts of what was written, read back from the files.
        """
        # Newer than all rows of the table whatever the clocks of the machines say: the newest row of an id counts.
        at = F.current_timestamp()
        if self._after is not None:
            at = F.greatest(at, F.timestamp_micros(F.lit(self._after + 1)))
        rows = to_stage(embedded_rows(documents, self.plan, self.options, self.stats, n_tasks, at))
        self._staged_schema = rows.schema
        writer = vector_writer(rows, self.options.encoding, (OUTCOME, *self.options.partition_by))
        with watched(self.stats, lambda pace: progress_line(pace, n_all), self._pace):
            self.timed("embedding_s", lambda: writer.parquet(self._rows))
        return self.timed("commit_s", lambda: count_outcomes(self._staged(), self.options.level))

    def put(self, counts: Counts) -> None:
        """Makes the staged portion a part of the next commit, with its rejects."""
        if counts.n_rejected or not self._adds_to("rejects"):
            self.timed("commit_s", lambda: self._put_rejects(rejects_of(self._staged(), self.options.partition_by)))
        self.timed("commit_s", lambda: self._put_embedded(counts.n_embedded))
        self.counts += counts
        self.n_commits += 1

    def commit(self, counts: Counts) -> None:
        """Puts the staged portion in place, so that another one can be embedded."""
        self.put(counts)
        self.timed("commit_s", self.work.commit)
        changes.delete(self.spark, self._rows)

    def add_rejected(self, path: str, n_rejected: int) -> None:
        """Adds the rejected of the checked documents at ``path`` to the rejects table, unless they are there."""
        documents = self.spark.read.parquet(path).where("_reason IS NOT NULL")
        if not n_rejected and self._adds_to("rejects"):
            return
        kept = dict(zip(self.options.carried_columns, kept_columns(documents), strict=True))
        folders = [F.col(kept[name]).alias(name) for name in self.options.partition_by]
        rejected = documents.select("id", F.col("_reason").alias("reason"), F.col("_detail").alias("detail"), *folders)
        self.timed("commit_s", lambda: self._put_rejects(rejected))
        self.timed("commit_s", self.work.commit)

    def _adds_to(self, name: str) -> bool:
        """Returns whether something at ``output`` stays unchanged if nothing is added."""
        return self.options.mode in ("append", "incremental") and self.work.is_there(name)

    @property
    def _rows(self) -> str:
        return f"{self.work.folder('output')}/rows"

    def _staged(self) -> DataFrame:
        return staged_rows(self.spark, self._rows, self._staged_schema)

    def _put_rejects(self, rejected: DataFrame) -> None:
        folders = self.options.partition_by
        if self.options.mode == "incremental" and self.work.is_there("rejects"):
            # A document that can't be embedded is found in every run; one row says so.
            there = read_rows(self.spark, self.options.rejects_path)
            rejected = rejected.exceptAll(there.select(*rejected.columns))
        staged = f"{self.work.folder('rejects')}/rejects"
        writer = rejected.coalesce(1).write.mode("overwrite")
        (writer.partitionBy(*folders) if folders else writer).parquet(staged)
        schema = rejects_schema(self.plan.id_type, [self._schema[name] for name in folders])
        is_empty = self.spark.read.schema(schema).parquet(staged).isEmpty()
        if is_empty:
            self._write_empty(self.spark.createDataFrame([], schema), staged)
        self._put("rejects", staged, {"table": "rejects"}, is_empty)

    def _put_embedded(self, n_embedded: int) -> None:
        staged = f"{self._rows}/{OUTCOME}={EMBEDDED}"
        if not n_embedded:
            self._write_empty(empty_table(self.spark, self.plan, self.options), staged)
        sidecar = {"table": "embeddings"} | self.plan.metadata.as_dict()
        self._put("output", staged, sidecar, not n_embedded)

    def _write_empty(self, table: DataFrame, path: str) -> None:
        """Writes a file without rows, so that the table has columns."""
        table.drop(*self.options.partition_by).coalesce(1).write.mode("overwrite").parquet(path)

    def _put(self, name: str, staged: str, sidecar: dict[str, Any], is_empty: bool) -> None:
        folders = self.options.partition_by
        if folders:
            sidecar |= {"partition_by": T.StructType([self._schema[one] for one in folders]).jsonValue()}
        if folders and self.options.mode == "overwrite" and self.work.is_there(name):
            self.work.replace_folders(name, staged, self._folders())
        elif not (is_empty and self._adds_to(name)):
            self.work.put_table(name, staged, sidecar)

    def _folders(self) -> set[str]:
        """Returns the partitions for which the input has rows, embedded or rejected, as paths in the table."""
        staged = files.list_files(self.spark, self._rows)
        return {name.partition("/")[2].rpartition("/")[0] for name in staged} - {""}


def _newest_time(spark: SparkSession, path: str) -> int | None:
    """Returns the largest ``embedded_at`` of a table, in microseconds since 1970, or None if it has no row."""
    newest: int | None = read_rows(spark, path).agg(F.max(F.unix_micros("embedded_at"))).collect()[0][0]
    return newest
