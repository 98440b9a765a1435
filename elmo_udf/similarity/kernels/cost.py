"""Estimates the time and the memory of a comparison, in order to choose a division into tasks.

The model is rough. Nothing else depends on it: the results are the same whatever it says.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

FLOPS_PER_S = 90e9
"""Operations per second of one core in float32."""
CELL_S = 0.5e-9
"""Seconds to look at one score."""
MEMORY_MIB = 640
"""Largest size of a worker's stripes in MiB."""
WORKER_MIB = 240
"""Size in MiB of everything else in a Python worker: the interpreter, its libraries and a tile.

Measured were 190 to 240 MiB, and 310 MiB for a threshold so low that most pairs reach it.
"""
FEW_BYTES = 96 << 20
"""Size in bytes of rows in Arrow that one process sorts faster than several, which would have to shuffle them."""
_BYTES_PER_S = 300e6  # of one task, reading blocks
_KEPT_S = 5e-6  # to write and merge a partial result
_TASK_S = 0.2  # to start a task
_STRAGGLER = 0.1  # of the longest task
_MAX_SIMULATED = 2_000


@dataclass(frozen=True)
class Cluster:
    """Where the work runs: the number of tasks at once, the cores of a task, a core's speed, and a task's memory."""

    slots: int
    task_cpus: int
    flops_per_s: float = FLOPS_PER_S
    cell_s: float = CELL_S
    memory_mib: int = MEMORY_MIB


@dataclass(frozen=True)
class Shape:
    """The sizes of the problem. ``n_right`` is None within one table. ``kept`` is k, or 0 for pairs.

    ``id_bytes`` is the size of an id in memory: 8 for numbers, 20 for strings of 16 digits.
    """

    n_left: int
    n_right: int | None
    width: int
    value_bytes: int
    kept: int
    id_bytes: int = 20

    @property
    def row_bytes(self) -> int:
        """The size of a row in a block in bytes."""
        return self.width * self.value_bytes

    @property
    def partial_bytes(self) -> int:
        """The size of a partial result in memory in bytes: two ids and a number."""
        return 2 * self.id_bytes + 4

    @property
    def shuffled_bytes(self) -> int:
        """The size of a partial result in bytes as Spark compresses and shuffles it.

        Measured were 10 bytes for numbers and 23 for strings of 16 digits.
        """
        return self.partial_bytes // 2

    @property
    def n_cells(self) -> float:
        """The number of pairs of rows, each counted once."""
        return self.n_left**2 / 2 if self.n_right is None else float(self.n_left * self.n_right)


def stripe_bytes(shape: Shape) -> tuple[int, int]:
    """Returns the bytes in memory of a row of the left and of a row of the right stripe of a task.

    They contain its values; its norm, id and rank; its short list and result; and on the left its float32 unit row.
    """
    right = shape.row_bytes + 128 + 8 * (shape.kept + shape.kept + max(8, shape.kept // 4))
    return right + 4 * shape.width, right


def task_seconds(shape: Shape, cluster: Cluster, n_cells: float, n_rows: int) -> float:
    """Returns the seconds that a task takes for so many cells and so many rows of both stripes together."""
    products = 2 * shape.width * n_cells / (cluster.flops_per_s * cluster.task_cpus)
    rest = n_cells * cluster.cell_s + n_rows * (shape.row_bytes / _BYTES_PER_S + shape.kept * _KEPT_S)
    return _TASK_S + products + rest


def seconds_until_done(durations: Sequence[float], slots: int) -> float:
    """Returns the seconds until the last task ends, if they start in this order, the longest first.

    It includes a margin for a task that is slower than the others.
    """
    if len(durations) > _MAX_SIMULATED:
        return sum(durations) / slots + durations[0] / 2
    ends = [0.0] * slots
    for duration in durations:
        heapq.heapreplace(ends, ends[0] + duration)
    return max(ends) + _STRAGGLER * durations[0]
