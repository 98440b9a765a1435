"""Asks the Python workers, before anything is read or loaded, which devices they see."""

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
from elmo_udf.network.precision import SLOWER, bfloat16_gain
from elmo_udf.network.runtime import NO_GPU_ADVICE, operation_threads, start_tensorflow, visible_gpus
from elmo_udf.spark.profile import Stage, embedding_stage, executor_gpus

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SeenDevice:
    """What one Python worker sees."""

    executor: str
    process: int
    addresses: str | None
    """The addresses of the GPUs that Spark has given to its task, comma-separated, or None."""
    n_visible: int
    """The number of GPUs on which TensorFlow computes there."""
    bfloat16_gain: float | None
    """The result of :func:`~elmo_udf.network.precision.bfloat16_gain`, if it was requested."""


def check_device(spark: SparkSession, device: str, precision: str = "float32") -> None:
    """Checks that TensorFlow sees a GPU if one was requested.

    If not, ``gpu`` raises UserError and ``auto`` logs a warning.

    A GPU is requested by ``gpu``, or by executors that have one. It also warns if Python workers share GPUs, and if
    ``precision`` bfloat16 is slower than float32. This takes some seconds of a small Spark job with as many tasks as
    can run at once. Their workers embed afterwards, with TensorFlow imported. If neither question arises, no job runs.
    """
    wants_gpu = device == "gpu" or (device == "auto" and executor_gpus(spark))
    if not wants_gpu and precision != "bfloat16":
        return
    spark.range(1).count()  # waits until executors are there, as many as Spark waits for
    seen = see_devices(spark, embedding_stage(spark), device, precision)
    _check_seen(seen, device if wants_gpu else "cpu")


def _check_seen(seen: list[SeenDevice], device: str) -> None:
    blind = [worker for worker in seen if not worker.n_visible]
    if blind and device != "cpu":
        given = f"was given GPU {blind[0].addresses}" if blind[0].addresses else "was given none by Spark"
        found = f"TensorFlow sees no GPU in {len(blind)} of {len(seen)} Python workers ({blind[0].executor} {given})"
        if device == "gpu":
            raise UserError(f"device is gpu, and {found}; expected one in each; {NO_GPU_ADVICE}")
        log.warning("%s, though executors have GPUs; device is auto, so the work continues on the CPU there", found)
    takers = [worker for worker in seen if worker.n_visible and not worker.addresses]  # each takes what it sees
    processes = {(worker.executor.rpartition(":")[0], worker.process) for worker in takers}
    (host, n_takers), *_ = Counter(host for host, _ in processes).most_common(1) or [("", 0)]
    if n_takers > 1 and device != "cpu":
        log.warning(
            "%d Python workers on %s share its GPUs, of which Spark has given them none; expected one process per GPU; "
            "give every executor one (spark.executor.resource.gpu.amount 1), or, in a session of one machine, every "
            "task all cores (spark.task.cpus)",
            *(n_takers, host),
        )
    slow = [worker for worker in seen if worker.bfloat16_gain is not None and worker.bfloat16_gain < SLOWER]
    if slow:
        log.warning(
            "precision is bfloat16, and products in it have %.2f times the speed of float32 in %d of %d Python workers "
            "(%s); use --precision float32, which loses nothing",
            *(slow[0].bfloat16_gain, len(slow), len(seen), slow[0].executor),
        )


def see_devices(
    spark: SparkSession, stage: Stage, device: str = "auto", precision: str = "float32"
) -> list[SeenDevice]:
    """Returns what the Python workers of as many tasks of the stage as can run at once see."""
    on = "cpu" if device == "cpu" else "auto"  # gpu would be refused in a worker, with a traceback

    def see(slots: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for _ in slots:  # one; a worker that leaves part of its input unread is not used again
            types = {"executor": pa.string(), "process": pa.int32(), "addresses": pa.string()}
            types |= {"n_visible": pa.int32(), "bfloat16_gain": pa.float64()}
            yield pa.RecordBatch.from_pylist([asdict(_seen(on, precision))], pa.schema(types))

    slots = spark.range(stage.slots, numPartitions=stage.slots)  # no RDD, whose workers are others than a query's
    columns = "executor string, process int, addresses string, n_visible int, bfloat16_gain double"
    seen = slots.mapInArrow(see, columns, profile=stage.profile)
    return [SeenDevice(**row.asDict()) for row in seen.collect()]


def _seen(device: str, precision: str) -> SeenDevice:
    context = TaskContext.get()
    addresses = take_gpu(context)
    cores = context.cpus() if context else 1
    threads = operation_threads(cores)
    tf = start_tensorflow(threads, device, at_once=cores)
    gain = bfloat16_gain(threads, device) if precision == "bfloat16" else None
    return SeenDevice(executor(), os.getpid(), addresses, visible_gpus(tf), gain)


def used_devices(stats: WorkerStats) -> dict[str, int]:
    """Returns the number of loads of the model by device: ``gpu``, ``cpu``."""
    return dict(sorted(Counter(load.device for load in stats.loads).items()))
