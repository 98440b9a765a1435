"""Keeps the models of a Python worker: each is loaded once, and kept for later tasks of that worker.

A worker keeps the MOST_MODELS that it used last, so a session may use two models in turn without a load at every turn.
That bounds the worker's memory: a model of the published size takes 0.4 GiB in float32, and half of that in bfloat16.
On a GPU the second model takes of the quarter of the memory that the first one's budget has left free
(``network/budget.py``). Where it does not fit there, the worker keeps only the model that it used last.

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
_held: list[_Held] = []
"""The networks that are held. The one used last comes last."""


@dataclass(frozen=True)
class _Held:
    file_name: str
    precision: str
    asked_device: str
    threads: int
    network: Network
    device: str
    """``gpu`` or ``cpu``: where the network runs."""

    def serves(self, file_name: str, precision: str, device: str, threads: int) -> bool:
        """Returns whether the network is the one that is asked for. It may have more threads, but not fewer."""
        same = (self.file_name, self.precision) == (file_name, precision)
        return same and device in ("auto", self.device, self.asked_device) and self.threads >= threads


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
    """Returns the network of a model file that Spark has brought to this machine, and the load if this call made it.

    Raises UserError if ``device`` is gpu and TensorFlow sees none.
    """
    from pyspark import TaskContext

    context = TaskContext.get()
    wanted = (file_name, precision, device, context.cpus() if context else 1)
    for i, held in enumerate(_held):
        if held.serves(*wanted):
            _held.append(_held.pop(i))
            return held.network, None
    started = time.perf_counter()
    take_gpu(context)
    held = _load(*wanted)
    _held.append(held)
    return held.network, Load(uuid.uuid4().hex, executor(), time.perf_counter() - started, held.device)


def _load(file_name: str, precision: str, device: str, threads: int) -> _Held:
    """Returns the network. If the device has no memory for it beside those that are held, these are dropped."""
    from pyspark import SparkFiles

    from elmo_udf.models.store import load
    from elmo_udf.network.engine import Network
    from elmo_udf.network.runtime import import_tensorflow, return_freed_memory, visible_gpus

    _held[:] = [held for held in _held if (held.file_name, held.precision) != (file_name, precision)]  # fewer threads
    for most in (MOST_MODELS, 1):
        _make_room(most)
        try:
            network = Network(load(SparkFiles.get(file_name)), precision=precision, device=device, threads=threads)
        except UserError:
            if not _held:
                raise
        else:
            break
    return_freed_memory()  # of what was read: a third of a GiB in the published size
    used = "gpu" if visible_gpus(import_tensorflow()) else "cpu"
    return _Held(file_name, precision, device, threads, network, used)


def _make_room(most: int) -> None:
    """Forgets the models that were used longest ago, so that with one more there are at most ``most``."""
    del _held[: max(0, len(_held) - most + 1)]
    gc.collect()  # a network is a cycle


def executor() -> str:
    """Returns the host and the process of the daemon that forked this Python worker. Every executor has one."""
    return f"{socket.gethostname()}:{os.getppid()}"


def take_gpu(context: TaskContext | None) -> str | None:
    """Shows TensorFlow only the GPUs of this task. Returns their addresses, separated by commas, or None without any.

    It must be called before TensorFlow starts, which would take every GPU of the machine. TensorFlow keeps what it has
    taken, so a later task of the same worker that was given another GPU is refused (UserError).
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
