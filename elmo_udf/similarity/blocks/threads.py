"""Sets the number of threads of matrix products in a task to its cores, or to all cores if it runs alone."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from pyspark import TaskContext


def task_threads(alone_on: int | None = None) -> AbstractContextManager[Any]:
    """While the block runs, numpy's products use the cores of this task and no more.

    Args:
        alone_on: The number of cores of a machine on which nothing else runs. The task uses all of them.
    """
    from threadpoolctl import threadpool_limits

    context = TaskContext.get()
    n_threads = alone_on or (context.cpus() if context else 1)
    limited: AbstractContextManager[Any] = threadpool_limits(n_threads, user_api="blas")
    return limited
