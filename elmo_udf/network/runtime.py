"""TensorFlow, set up for one network in one process. The only place that touches its global settings."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

from elmo_udf.cleanup import afterwards
from elmo_udf.errors import UserError

logger = logging.getLogger(__name__)

_M_ARENA_MAX, _ARENAS = -8, 2
"""glibc's name for the number of heaps that threads share, and ours: each keeps what was freed in it for itself."""

NO_GPU_ADVICE = "install tensorflow[and-cuda] and NVIDIA's driver there, or go on without with --device auto or cpu"
"""What to do where TensorFlow sees no GPU and one is wanted."""


def start_tensorflow(threads: int | None = None, device: str = "auto", at_once: int | None = None) -> ModuleType:
    """Import TensorFlow with ``threads`` threads an operation (None: its own choice), and for GPUs with float32 as on
    a CPU and memory growth.

    ``at_once``: how many operations may run at once (None: as many as the machine has cores).
    ``device``: ``auto`` (a GPU where TensorFlow sees one), ``cpu`` or ``gpu``. TensorFlow takes these settings only
    before its first operation, except that float32 is float32. Later calls find it running: they change nothing else,
    and log a warning where they asked for it. Raises UserError for ``gpu`` where TensorFlow sees none.
    """
    _allocator("mallopt", _M_ARENA_MAX, _ARENAS)
    with _stderr_in_log():
        tf = import_tensorflow()
        gpus = tf.config.list_physical_devices("GPU")
    tf.config.experimental.enable_tensor_float_32_execution(False)  # GPUs' float32 would have 10 bits by default
    for gpu in gpus:
        _set(tf.config.experimental.set_memory_growth, gpu, True)
    if gpus:  # one process uses one: on others TensorFlow would take memory, and compute nothing
        _set(tf.config.set_visible_devices, [] if device == "cpu" else gpus[:1], "GPU")
    if threads is not None and tf.config.threading.get_intra_op_parallelism_threads() != threads:
        _set(tf.config.threading.set_intra_op_parallelism_threads, threads)
    if at_once is not None and tf.config.threading.get_inter_op_parallelism_threads() != at_once:
        _set(tf.config.threading.set_inter_op_parallelism_threads, at_once)
    if device == "gpu" and not visible_gpus(tf):
        shown = os.environ.get("CUDA_VISIBLE_DEVICES")
        raise UserError(
            f"device is gpu, and TensorFlow sees no GPU in this process (CUDA_VISIBLE_DEVICES is {shown!r}); expected "
            f"one; {NO_GPU_ADVICE}"
        )
    return tf


def operation_threads(cores: int | None) -> int | None:
    """Threads an operation of a network that has so many cores (None: TensorFlow's choice, and None).

    The two directions run at once (engine.py). On two cores each has one, and no operation waits for the other core:
    a tenth faster than both on both. More cores have more to do than two threads.
    """
    return 1 if cores is not None and cores <= 2 else cores


def visible_gpus(tf: ModuleType) -> int:
    """Number of GPUs that this process computes on: 1 or 0."""
    return len(tf.config.get_visible_devices("GPU"))


def free_gpu_bytes(tf: ModuleType) -> int:
    """Memory that TensorFlow may still take on the GPU of this process."""
    from tensorflow.python.client.device_lib import list_local_devices  # its limits are nowhere else

    first = tf.compat.v1.GPUOptions(allow_growth=True, visible_device_list="0")
    devices = list_local_devices(tf.compat.v1.ConfigProto(gpu_options=first))
    limit: int = next(device.memory_limit for device in devices if device.device_type == "GPU")
    taken: int = tf.config.experimental.get_memory_info("GPU:0")["current"]
    return limit - taken


def return_freed_memory() -> None:
    """Give the system back what this process has freed and its C library still keeps."""
    _allocator("malloc_trim", 0)


def _allocator(function: str, *values: int) -> None:
    """Call a function of glibc's allocator; others have none of this name, and go on as they are."""
    found = getattr(ctypes.CDLL(None), function, None)
    if found is not None:
        found(*values)


def import_tensorflow() -> ModuleType:
    """Import TensorFlow without Keras, which the network has no use for: half of the time, and 170 MB of memory.

    TensorFlow ends its own import with one of Keras's optimizers, and goes on where there are none. ``tf.keras`` is
    imported at its first use as ever, and then registers the optimizers.
    """
    optimizers = "keras.src.optimizers"
    if {"tensorflow", optimizers}.isdisjoint(sys.modules):
        sys.modules[optimizers] = None  # type: ignore[assignment]  # what Python takes for "there is no such module"
        try:
            import tensorflow
        finally:
            sys.modules.pop(optimizers, None)
    import tensorflow

    module: ModuleType = tensorflow
    return module


@contextmanager
def _stderr_in_log() -> Iterator[None]:
    """Log, for debugging, what TensorFlow's libraries write to stderr as they start.

    They speak of CUDA as an error on machines that have no GPU, before any log level that one could set is read.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        stderr = os.dup(2)
        os.dup2(file.fileno(), 2)

        def restore() -> None:
            os.dup2(stderr, 2)
            os.close(stderr)
            file.seek(0)
            for line in file.read().decode(errors="replace").splitlines():
                logger.debug("%s", line)

        with afterwards(restore):
            yield


def _set(setter: Callable[..., object], *values: object) -> None:
    """Call one of TensorFlow's setters, which raise RuntimeError once it runs."""
    try:
        setter(*values)
    except RuntimeError as error:
        logger.warning("TensorFlow is already running and keeps its settings: %s", error)
