"""One embedding task an executor: how a stage asks Spark for whole executors."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.resource import ResourceProfile, ResourceProfileBuilder, TaskResourceRequests
from pyspark.sql import SparkSession

from elmo_udf.errors import UserError
from elmo_udf.spark.session import executor_cores, local_cores, task_cpus

_GPUS = "spark.executor.resource.gpu.amount"


@dataclass(frozen=True)
class Stage:
    """Resources of the tasks of the embedding stage."""

    cpus: int
    """Cores of a task, which are also TensorFlow's threads."""
    gpus: int
    slots: int
    """Tasks that run at once on the executors there are now."""
    profile: ResourceProfile | None
    """None in local mode, where Spark refuses profiles and ``spark.task.cpus`` does the same."""


def embedding_stage(spark: SparkSession) -> Stage:
    """A task takes all cores of an executor, and its GPU where executors have one: one process, one model.

    Raises UserError where executors have several GPUs.
    """
    cores = executor_cores(spark)
    total = spark.sparkContext.defaultParallelism
    if local_cores(spark.sparkContext.master) is not None:
        cpus = min(task_cpus(spark), cores)
        return Stage(cpus, 0, max(1, cores // cpus), None)
    requests = TaskResourceRequests().cpus(cores)
    gpus = executor_gpus(spark)
    if gpus > 1:
        raise UserError(
            f"{_GPUS} is {gpus}, expected 1: a Python worker keeps the GPU that it has taken, and an executor has one "
            "worker; give every executor one GPU, and a share of the machine's cores"
        )
    if gpus:
        requests = requests.resource("gpu", 1)
    profile = ResourceProfileBuilder().require(requests).build
    return Stage(cores, gpus, max(1, total // cores), profile)


def executor_gpus(spark: SparkSession) -> int:
    """GPUs of an executor, as Spark was told; none in local mode, where Spark has no such resources."""
    if local_cores(spark.sparkContext.master) is not None:
        return 0
    return int(spark.sparkContext.getConf().get(_GPUS, "0") or 0)
