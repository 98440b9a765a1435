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
from elmo_udf.spark import files
from elmo_udf.spark.inputs.documents import kept_columns
from elmo_udf.spark.outputs.additions import rejects_schema
from elmo_udf.spark.outputs.commit import Staging
from elmo_udf.spark.outputs.outcomes import EMBEDDED, OUTCOME, Counts, count_outcomes, rejects_of, staged_rows, to_stage
from elmo_udf.spark.outputs.writer import vector_writer
from elmo_udf.spark.progress import watched
from elmo_udf.spark.tables import read_rows

Result = TypeVar("Result")


class Run:
    """What one run has done so far. Between :meth:`embed` and :meth:`commit` there is one portion of the work."""

    def __init__(
        self, spark: SparkSession, plan: Plan, options: EmbedOptions, staging: Staging, is_there: bool, plan_s: float
    ) -> None:
        """``is_there`` says whether there is a table to which rows are added."""
        self.spark, self.plan, self.options, self.staging, self.is_there = spark, plan, options, staging, is_there
        self.stats = stats_accumulator(spark.sparkContext)
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
        with watched(self.stats, lambda done, seconds: progress_line(done, n_all, seconds)):
            self.timed("embedding_s", lambda: writer.parquet(self._rows))
        return self.timed("commit_s", lambda: count_outcomes(self._staged(), self.options.level))

    def commit(self, counts: Counts) -> None:
        """Moves the staged portion into place.

        Rejects come first, so that a run that ends in between is repeated completely.
        """
        if counts.n_rejected or not self._adds_to(self.options.rejects_path):
            self.timed("commit_s", self._commit_rejects)
        self.timed("commit_s", lambda: self._commit_table(counts.n_embedded))
        files.delete(self.spark, self._rows)
        self.counts += counts
        self.n_commits += 1

    def add_rejected(self, path: str, n_rejected: int) -> None:
        """Adds the rejected of the checked documents at ``path`` to the rejects table, unless they are there."""
        documents = self.spark.read.parquet(path).where("_reason IS NOT NULL")
        if not n_rejected and self._adds_to(self.options.rejects_path):
            return
        kept = dict(zip(self.options.carried_columns, kept_columns(documents), strict=True))
        folders = [F.col(kept[name]).alias(name) for name in self.options.partition_by]
        rejected = documents.select("id", F.col("_reason").alias("reason"), F.col("_detail").alias("detail"), *folders)
        self.timed("commit_s", lambda: self._put_rejects(rejected))

    def _adds_to(self, output: str) -> bool:
        """Returns whether something at ``output`` stays unchanged if nothing is added."""
        return self.options.mode in ("append", "incremental") and bool(files.list_names(self.spark, output))

    @property
    def _rows(self) -> str:
        return f"{self.staging.folder}/rows"

    def _staged(self) -> DataFrame:
        return staged_rows(self.spark, self._rows, self._staged_schema)

    def _commit_rejects(self) -> None:
        self._put_rejects(rejects_of(self._staged(), self.options.partition_by))

    def _put_rejects(self, rejected: DataFrame) -> None:
        output, folders = self.options.rejects_path, self.options.partition_by
        if self.options.mode == "incremental" and files.list_names(self.spark, output):
            # A document that can't be embedded is found in every run; one row says so.
            rejected = rejected.exceptAll(read_rows(self.spark, output).select(*rejected.columns))
        staged = f"{self.staging.folder}/rejects"
        writer = rejected.coalesce(1).write.mode("overwrite")
        (writer.partitionBy(*folders) if folders else writer).parquet(staged)
        schema = rejects_schema(self.plan.id_type, [self._schema[name] for name in folders])
        is_empty = self.spark.read.schema(schema).parquet(staged).isEmpty()
        if is_empty:
            self._write_empty(self.spark.createDataFrame([], schema), staged)
        self._put(staged, output, {"table": "rejects"}, is_empty)

    def _commit_table(self, n_embedded: int) -> None:
        staged = f"{self._rows}/{OUTCOME}={EMBEDDED}"
        if not n_embedded:
            self._write_empty(empty_table(self.spark, self.plan, self.options), staged)
        sidecar = {"table": "embeddings"} | self.plan.metadata.as_dict()
        self._put(staged, self.options.output, sidecar, not n_embedded)

    def _write_empty(self, table: DataFrame, path: str) -> None:
        """Writes a file without rows, so that the table has columns."""
        folders = self.options.partition_by
        where = "".join(f"/{name}=__HIVE_DEFAULT_PARTITION__" for name in folders)
        table.drop(*folders).coalesce(1).write.mode("overwrite").parquet(path + where)

    def _put(self, staged: str, output: str, sidecar: dict[str, Any], is_empty: bool) -> None:
        mode, folders = self.options.mode, self.options.partition_by
        if folders:
            sidecar |= {"partition_by": T.StructType([self._schema[name] for name in folders]).jsonValue()}
        if folders and mode == "overwrite" and files.list_names(self.spark, output):
            old = [name for name in files.list_files(self.spark, output) if name.rpartition("/")[0] in self._folders()]
            if is_empty:
                files.delete(self.spark, staged)
            self.staging.replace_files(staged, output, old)
        elif not (is_empty and self._adds_to(output)):
            self.staging.put_table(staged, output, sidecar, mode)

    def _folders(self) -> set[str]:
        """Returns the partitions for which the input has rows, embedded or rejected, as paths in the table."""
        staged = files.list_files(self.spark, self._rows)
        return {name.partition("/")[2].rpartition("/")[0] for name in staged}


def _newest_time(spark: SparkSession, path: str) -> int | None:
    """Returns the largest ``embedded_at`` of a table, in microseconds since 1970, or None if it has no row."""
    newest: int | None = read_rows(spark, path).agg(F.max(F.unix_micros("embedded_at"))).collect()[0][0]
    return newest
