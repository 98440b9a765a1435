"""The model in a Python worker: loaded once, kept for every later task of that worker.

Requires ``spark.python.worker.reuse`` (Spark's default); without it every task loads the model again.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elmo_udf.network.encoder import Encoder

if TYPE_CHECKING:
    from pyspark import TaskContext

_encoders: dict[tuple[str, str, int], Encoder] = {}


@dataclass(frozen=True)
class Load:
    """One load of a model by one process, as it is reported to the driver."""

    load_id: str
    executor: str
    """Host and process of the daemon that an executor forks its Python workers from: one an executor."""
    seconds: float


def encoder_in_worker(file_name: str, precision: str) -> tuple[Encoder, Load | None]:
    """The network of a model file that Spark has brought to this machine; and the load, if this call made it."""
    from pyspark import SparkFiles, TaskContext

    context = TaskContext.get()
    threads = context.cpus() if context else 1
    key = (file_name, precision, threads)
    if key in _encoders:
        return _encoders[key], None
    started = time.perf_counter()
    take_gpu(context)
    _encoders.clear()  # one model at a time: the one before is not asked for again in practice, and is large

    from elmo_udf.models.store import load
    from elmo_udf.network.engine import Network

    _encoders[key] = Network(load(SparkFiles.get(file_name)), precision=precision, threads=threads)
    seconds = time.perf_counter() - started
    return _encoders[key], Load(uuid.uuid4().hex, f"{socket.gethostname()}:{os.getppid()}", seconds)


def take_gpu(context: TaskContext | None) -> None:
    """Show TensorFlow only the GPUs of this task; before it starts, for it would take every GPU of the machine."""
    if context and "gpu" in context.resources():
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(context.resources()["gpu"].addresses)
