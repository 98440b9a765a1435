"""Requests whole executors from Spark, so that each runs one embedding task at a time."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.resource import ResourceProfile, ResourceProfileBuilder, TaskResourceRequests
from pyspark.sql import SparkSession

from elmo_udf.errors import UserError
from elmo_udf.spark.session import executor_cores, local_cores, task_cpus

_GPUS = "spark.executor.resource.gpu.amount"


@dataclass(frozen=True)
class Stage:
    """The resources of the tasks of the embedding stage."""

    cpus: int
    """The number of cores of a task, which is also the number of TensorFlow's threads."""
    gpus: int
    slots: int
    """The number of tasks that can run at once on the current executors."""
    profile: ResourceProfile | None
    """None in local mode, where Spark refuses profiles and ``spark.task.cpus`` has the same effect."""


def embedding_stage(spark: SparkSession) -> Stage:
    """Returns a stage in which a task takes all cores of an executor and its GPU, if any: one process, one model.

    Raises UserError if executors have several GPUs.
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
    """Returns the number of GPUs of an executor according to Spark. In local mode Spark has none."""
    if local_cores(spark.sparkContext.master) is not None:
        return 0
    return int(spark.sparkContext.getConf().get(_GPUS, "0") or 0)
