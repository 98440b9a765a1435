"""Holds the models in a Python worker: each is loaded once, and kept for later tasks of that worker.

A worker keeps the MOST_MODELS that it used last, so a session can use two models in turn without loading them each
time. This bounds the worker's memory: a model of the published size takes 0.4 GiB in float32. On a GPU a worker keeps
one model, whose budget is all the memory that is free there.

Spark must reuse its workers (``spark.python.worker.reuse``, which is Spark's default). Otherwise every task loads the
model again.
"""

from __future__ import annotations

import gc
import os
import socket
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elmo_udf.errors import UserError

if TYPE_CHECKING:
    from pyspark import TaskContext

    from elmo_udf.network.engine import Network

MOST_MODELS = 2

_gpu_of_worker: str | None = None
_encoders: dict[tuple[str, str, str], Network] = {}
"""The networks by model file, precision and device, the last used one last.

TensorFlow keeps the first task's threads.
"""


@dataclass(frozen=True)
class Load:
    """One load of a model by one process, as it is reported to the driver."""

    load_id: str
    executor: str
    """The executor, as :func:`executor` names it."""
    seconds: float
    device: str
    """The device on which the network runs: ``gpu`` or ``cpu``."""


def encoder_in_worker(file_name: str, precision: str, device: str = "auto") -> tuple[Network, Load | None]:
    """Returns the network of a model file that Spark has sent to this machine, and the load if this call made it.

    Raises UserError for ``device`` gpu if TensorFlow sees none.
    """
    from pyspark import SparkFiles, TaskContext

    context = TaskContext.get()
    threads = context.cpus() if context else 1
    key = (file_name, precision, device)
    if key in _encoders:
        _encoders[key] = _encoders.pop(key)
        return _encoders[key], None
    started = time.perf_counter()
    take_gpu(context)

    from elmo_udf.models.store import load
    from elmo_udf.network.engine import Network
    from elmo_udf.network.runtime import import_tensorflow, return_freed_memory, visible_gpus

    on_gpu = bool(visible_gpus(import_tensorflow())) and device != "cpu"
    _make_room(1 if on_gpu else MOST_MODELS)
    path = SparkFiles.get(file_name)
    _encoders[key] = Network(load(path), precision=precision, device=device, threads=threads)
    return_freed_memory()  # of what was read: a third of a GiB in the published size
    seconds = time.perf_counter() - started
    return _encoders[key], Load(uuid.uuid4().hex, executor(), seconds, "gpu" if on_gpu else "cpu")


def _make_room(most: int) -> None:
    """Drops the models that were not used for the longest time, so that with one more there are at most ``most``."""
    while len(_encoders) >= most:
        del _encoders[next(iter(_encoders))]
    gc.collect()  # a network is a cycle


def executor() -> str:
    """Returns the host and the process of the daemon from which this Python worker was forked: one per executor."""
    return f"{socket.gethostname()}:{os.getppid()}"


def take_gpu(context: TaskContext | None) -> str | None:
    """Shows TensorFlow only the GPUs of this task. Returns their addresses, comma-separated, or None without any.

    It must run before TensorFlow starts, which would take every GPU of the machine, and only once, because TensorFlow
    keeps what it took. Raises UserError in a later task of the same worker that was given another GPU.
    """
    if not context or "gpu" not in context.resources():
        return None
    global _gpu_of_worker
    given = ",".join(context.resources()["gpu"].addresses)
    if _gpu_of_worker not in (None, given):
        raise UserError(
            f"a Python worker that has GPU {_gpu_of_worker} got a task with GPU {given}; expected the same for all its "
            "tasks; give every executor one GPU (spark.executor.resource.gpu.amount 1)"
        )
    os.environ["CUDA_VISIBLE_DEVICES"] = _gpu_of_worker = given
    return given
