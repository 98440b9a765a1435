"""TensorFlow, set up for one network in one process. The only place that touches its global settings."""

from __future__ import annotations

import logging
import os
from types import ModuleType

logger = logging.getLogger(__name__)


def start_tensorflow(threads: int | None = None) -> ModuleType:
    """Import TensorFlow with ``threads`` threads an operation (None: its own choice) and memory growth on GPUs.

    TensorFlow takes these settings only before its first operation. Later calls find it running: they change
    nothing, and log a warning where they asked for something else.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read once, at the import: no notes on CPUs and CUDA
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        _set(tf.config.experimental.set_memory_growth, gpu, True)
    if threads is not None and tf.config.threading.get_intra_op_parallelism_threads() != threads:
        _set(tf.config.threading.set_intra_op_parallelism_threads, threads)
    return tf


def _set(setter: object, *values: object) -> None:
    """Call one of TensorFlow's setters, which raise RuntimeError once it runs."""
    try:
        setter(*values)  # type: ignore[operator]
    except RuntimeError as error:
        logger.warning("TensorFlow is already running and keeps its settings: %s", error)
