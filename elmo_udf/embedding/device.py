"""Whether the Python workers see the GPUs they are to use: asked before anything is read, loaded or embedded."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pyspark import TaskContext
from pyspark.sql import SparkSession

from elmo_udf.embedding.loaded import executor, take_gpu
from elmo_udf.embedding.stats import WorkerStats
from elmo_udf.errors import UserError
from elmo_udf.network.runtime import NO_GPU_ADVICE
from elmo_udf.spark.profile import Stage, embedding_stage, executor_gpus

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SeenDevice:
    """What one Python worker found."""

    executor: str
    process: int
    addresses: str | None
    """Of the GPU that Spark has given its task, comma-separated; None where Spark gives none."""
    n_visible: int
    """GPUs on which TensorFlow computes there."""


def check_device(spark: SparkSession, device: str) -> None:
    """Where a GPU was asked for and TensorFlow sees none: UserError for ``gpu``, a warning for ``auto``.

    A GPU is asked for by ``gpu``, or by executors that have one. Some seconds of a small Spark job, of as many tasks
    as can run at once; their workers are those that embed afterwards, with TensorFlow imported. Without it (``cpu``,
    or ``auto`` where Spark has no GPUs) nothing runs.
    """
    if device == "cpu" or (device == "auto" and not executor_gpus(spark)):
        return
    spark.range(1).count()  # waits until executors are there, as many as Spark waits for
    seen = see_devices(spark, embedding_stage(spark))
    blind = [worker for worker in seen if not worker.n_visible]
    if not blind:
        return
    given = f"was given GPU {blind[0].addresses}" if blind[0].addresses else "was given none by Spark"
    found = f"TensorFlow sees no GPU in {len(blind)} of {len(seen)} Python workers ({blind[0].executor} {given})"
    if device == "gpu":
        raise UserError(f"device is gpu, and {found}; expected one in each; {NO_GPU_ADVICE}")
    log.warning("%s, though executors have GPUs; device is auto, so the work goes on on the CPU there", found)


def see_devices(spark: SparkSession, stage: Stage) -> list[SeenDevice]:
    """What as many tasks of the stage as can run at once find, each of its Python worker."""
    slots = spark.range(stage.slots, numPartitions=stage.slots)  # no RDD, whose workers are others than a query's
    seen = slots.mapInArrow(
        _see, "executor string, process int, addresses string, n_visible int", profile=stage.profile
    )
    return [SeenDevice(**row.asDict()) for row in seen.collect()]


def _see(slots: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    from elmo_udf.network.runtime import start_tensorflow, visible_gpus

    for _ in slots:  # one; a worker that leaves part of its input unread is not used again
        context = TaskContext.get()
        addresses = take_gpu(context)
        tf = start_tensorflow(context.cpus() if context else 1)
        seen = asdict(SeenDevice(executor(), os.getpid(), addresses, visible_gpus(tf)))
        types = {"executor": pa.string(), "process": pa.int32(), "addresses": pa.string(), "n_visible": pa.int32()}
        yield pa.RecordBatch.from_pylist([seen], pa.schema(types))


def used_devices(stats: WorkerStats) -> dict[str, int]:
    """Loads of the model by where they are: ``gpu``, ``cpu``."""
    return dict(sorted(Counter(load.device for load in stats.loads).items()))
