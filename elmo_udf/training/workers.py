"""Trains in Spark tasks that run at the same time: a barrier stage in which each task is one process."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError
from pyspark import BarrierTaskContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from elmo_udf.embedding.loaded import take_gpu
from elmo_udf.errors import UserError
from elmo_udf.spark.profile import embedding_stage
from elmo_udf.training.folder import Work, write_text
from elmo_udf.training.loop import Progress
from elmo_udf.training.options import TrainOptions
from elmo_udf.training.process import Part, train_apart


def check_workers(spark: SparkSession, options: TrainOptions) -> None:
    """Raises UserError if the workers can't all run at once."""
    slots = embedding_stage(spark).slots
    if options.workers > 1 and slots < options.workers:
        raise UserError(
            f"workers is {options.workers}, but {slots} tasks can run at once; expected no more than that; give Spark "
            "more executors (or cores, in local mode), or reduce --workers"
        )


def train_in_tasks(spark: SparkSession, work: Work, options: TrainOptions) -> Progress:
    """Trains with ``options.workers`` tasks. All of them must share the folder ``work``.

    If one of them fails, all start again from the last checkpoint, as often as Spark tries a stage.
    """
    stage = embedding_stage(spark)
    ranks = spark.sparkContext.parallelize(range(options.workers), options.workers)
    if stage.profile is not None:
        ranks = ranks.withResources(stage.profile)

    work.mistake.unlink(missing_ok=True)

    def run(_: Iterable[int]) -> Iterator[tuple[int, Progress]]:
        context = BarrierTaskContext.get()
        addresses, rank = _addresses(context), context.partitionId()
        if work.mistake.exists():  # of the attempt before: it would be made again
            raise UserError(work.mistake.read_text("utf-8"))
        try:
            take_gpu(context)
            yield rank, train_apart(Part(work, options, addresses, rank, context.cpus()))
        except UserError as error:
            write_text(work.mistake, str(error))
            raise

    # The shuffle is for the barrier stage not to be the last one, which Spark would not run again.
    with user_errors_of_tasks():
        done = dict(ranks.barrier().mapPartitions(run).coalesce(1, shuffle=True).collect())
    return done[0]


@contextmanager
def user_errors_of_tasks() -> Iterator[None]:
    """Raises a task's UserError again as a UserError, because Spark passes errors of tasks on as text."""
    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        said = re.search(rf"{UserError.__module__}\.{UserError.__name__}: (.+)", str(error))
        if said is None:
            raise
        raise UserError(said[1]) from None


def _addresses(context: BarrierTaskContext) -> list[str]:
    """Returns the host:port of every task. The port was free a moment ago."""
    host = context.getTaskInfos()[context.partitionId()].address.rpartition(":")[0]
    with socket.socket() as probe:
        probe.bind(("", 0))
        return list(context.allGather(f"{host}:{probe.getsockname()[1]}"))
