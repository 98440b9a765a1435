"""Training as Spark tasks that run at the same time: a barrier stage, each task a process of the cluster."""

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
from elmo_udf.training.folder import Work
from elmo_udf.training.loop import Progress
from elmo_udf.training.options import TrainOptions
from elmo_udf.training.process import Part, train_apart


def check_workers(spark: SparkSession, options: TrainOptions) -> None:
    """Raise UserError where not all workers can run at once."""
    slots = embedding_stage(spark).slots
    if options.workers > 1 and slots < options.workers:
        raise UserError(
            f"workers is {options.workers}, but {slots} tasks can run at once; expected no more than that; give Spark "
            "more executors (or cores, in local mode), or lower --workers"
        )


def train_in_tasks(spark: SparkSession, work: Work, options: TrainOptions) -> Progress:
    """Train with ``options.workers`` tasks; ``work`` must be a folder that all of them share."""
    stage = embedding_stage(spark)
    ranks = spark.sparkContext.parallelize(range(options.workers), options.workers)
    if stage.profile is not None:
        ranks = ranks.withResources(stage.profile)

    def run(_: Iterable[int]) -> Iterator[Progress]:
        context = BarrierTaskContext.get()
        take_gpu(context)
        yield train_apart(Part(work, options, _addresses(context), context.partitionId(), context.cpus()))

    with user_errors_of_tasks():
        done: list[Progress] = ranks.barrier().mapPartitions(run).collect()
    return done[0]


@contextmanager
def user_errors_of_tasks() -> Iterator[None]:
    """Raise a task's UserError as one: Spark hands on what a task raised as text."""
    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        said = re.search(rf"{UserError.__module__}\.{UserError.__name__}: (.+)", str(error))
        if said is None:
            raise
        raise UserError(said[1]) from None


def _addresses(context: BarrierTaskContext) -> list[str]:
    """host:port of every task, at a port that was free a moment ago."""
    host = context.getTaskInfos()[context.partitionId()].address.rpartition(":")[0]
    with socket.socket() as probe:
        probe.bind(("", 0))
        return list(context.allGather(f"{host}:{probe.getsockname()[1]}"))
