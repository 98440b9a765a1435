"""Sets up TensorFlow for one network in one process. Only this module changes TensorFlow's global settings."""

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
"""The number of heaps that threads share, and glibc's code for it. Each heap keeps freed memory for itself."""

NO_GPU_ADVICE = (
    "install tensorflow[and-cuda] and NVIDIA's driver there, or continue without one by --device auto or cpu"
)
"""What a user can do if a GPU is wanted and TensorFlow sees none."""


def start_tensorflow(threads: int | None = None, device: str = "auto", at_once: int | None = None) -> ModuleType:
    """Imports TensorFlow and configures it. Returns the module.

    Args:
        threads: The number of threads of an operation, or None for TensorFlow's choice.
        device: ``auto`` (a GPU if TensorFlow sees one), ``cpu`` or ``gpu``.
        at_once: The number of operations that run at once, or None for the number of cores.

    On GPUs, float32 products are as exact as on a CPU, and memory grows as needed. TensorFlow accepts these settings
    only before its first operation, except for the exactness of float32. If it runs already, a call changes nothing
    else, and logs a warning if it requested other settings. Raises UserError for ``gpu`` if TensorFlow sees none.
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
    """Returns the number of threads of an operation in a network with ``cores`` cores, or None for TensorFlow's choice.

    The two directions run at once (engine.py). On two cores, each direction has one core, so no operation waits for the
    other core. This is a tenth faster than giving both cores to both. With more cores, two threads would not use them
    all.
    """
    return 1 if cores is not None and cores <= 2 else cores


def visible_gpus(tf: ModuleType) -> int:
    """Returns the number of GPUs that this process computes on: 1 or 0."""
    return len(tf.config.get_visible_devices("GPU"))


def free_gpu_bytes(tf: ModuleType) -> int:
    """Returns the number of bytes that TensorFlow can still allocate on the GPU of this process."""
    from tensorflow.python.client.device_lib import list_local_devices  # its limits are nowhere else

    first = tf.compat.v1.GPUOptions(allow_growth=True, visible_device_list="0")
    devices = list_local_devices(tf.compat.v1.ConfigProto(gpu_options=first))
    limit: int = next(device.memory_limit for device in devices if device.device_type == "GPU")
    taken: int = tf.config.experimental.get_memory_info("GPU:0")["current"]
    return limit - taken


def return_freed_memory() -> None:
    """Returns freed memory, which the C library of this process still keeps, to the system."""
    _allocator("malloc_trim", 0)


def _allocator(function: str, *values: int) -> None:
    """Calls a function of glibc's allocator. Does nothing if the C library has no such function."""
    found = getattr(ctypes.CDLL(None), function, None)
    if found is not None:
        found(*values)


def import_tensorflow() -> ModuleType:
    """Imports TensorFlow without Keras, which takes half of the time and 170 MB, and which the network does not use.

    At the end of its own import, TensorFlow imports Keras's optimizers, and continues if there are none. ``tf.keras``
    is still imported when it is first used, and then registers the optimizers.
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
    """Writes what TensorFlow's libraries print to stderr while they start to the log instead, at level DEBUG.

    On machines without a GPU they report CUDA as an error, before they read any log level.
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
    """Calls one of TensorFlow's setters, which raise RuntimeError if TensorFlow is already running."""
    try:
        setter(*values)
    except RuntimeError as error:
        logger.warning("TensorFlow is already running and keeps its settings: %s", error)
