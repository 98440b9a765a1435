"""The models in a Python worker: each is loaded once, and kept for later tasks of that worker.

A worker keeps the MOST_MODELS that it used last, so a session may use two models in turn without a load at every turn.
That bounds the worker's memory: a model of the published size takes 0.4 GiB in float32. On a GPU a worker keeps one
model, whose budget is all the memory that is free there.

Spark has to keep its workers (``spark.python.worker.reuse``, which is Spark's default); otherwise every task loads the
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
"""By model file, precision and device; the one used last comes last. TensorFlow keeps the threads of the first task."""


@dataclass(frozen=True)
class Load:
    """One load of a model by one process, as it is reported to the driver."""

    load_id: str
    executor: str
    """As :func:`executor` says."""
    seconds: float
    device: str
    """``gpu`` or ``cpu``: where the network runs."""


def encoder_in_worker(file_name: str, precision: str, device: str = "auto") -> tuple[Network, Load | None]:
    """The network of a model file that Spark has brought to this machine; and the load, if this call made it.

    Raises UserError for ``device`` gpu where TensorFlow sees none.
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
    """Forget the models that were used longest ago, so that with one more there are at most ``most``."""
    while len(_encoders) >= most:
        del _encoders[next(iter(_encoders))]
    gc.collect()  # a network is a cycle


def executor() -> str:
    """Host and process of the daemon that this Python worker was forked from: one an executor."""
    return f"{socket.gethostname()}:{os.getppid()}"


def take_gpu(context: TaskContext | None) -> str | None:
    """Show TensorFlow only the GPUs of this task, whose addresses it returns (comma-separated), None without any.

    Before TensorFlow starts, for it would take every GPU of the machine; and once, for what it has taken it keeps: a
    later task of the same worker that was given another GPU is refused (UserError).
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
