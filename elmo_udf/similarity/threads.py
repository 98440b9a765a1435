"""Threads of matrix products inside a task: as many as Spark gives it cores."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from pyspark import TaskContext


def task_threads() -> AbstractContextManager[Any]:
    """While the block runs, numpy's products use the cores of this task, and no more."""
    from threadpoolctl import threadpool_limits

    context = TaskContext.get()
    return threadpool_limits(context.cpus() if context else 1, user_api="blas")
