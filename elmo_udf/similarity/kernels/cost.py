"""What a comparison costs in time and memory, by a rough model: to choose between divisions into tasks.

Nothing else depends on it: results are the same whatever it says.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

FLOPS_PER_S = 90e9
"""Of one core, float32."""
CELL_S = 0.5e-9
"""To look at one score."""
MEMORY_MIB = 640
"""Of a worker's stripes at most."""
WORKER_MIB = 240
"""What a Python worker takes besides: the interpreter, its libraries and a tile. 190 to 240 were measured; where a
threshold is so low that most pairs reach it, 310."""
FEW_BYTES = 96 << 20
"""Of ids and a few numbers, as Arrow has them: one process puts so many in order sooner than several, for which Spark
shuffles them."""
_BYTES_PER_S = 300e6  # of one task, reading blocks
_KEPT_S = 5e-6  # to write and merge a partial result
_TASK_S = 0.2  # to start a task
_STRAGGLER = 0.1  # of the longest task
_MAX_SIMULATED = 2_000


@dataclass(frozen=True)
class Cluster:
    """What the work runs on: tasks at once, and cores of a task. The rest is about a core, and a task's memory."""

    slots: int
    task_cpus: int
    flops_per_s: float = FLOPS_PER_S
    cell_s: float = CELL_S
    memory_mib: int = MEMORY_MIB


@dataclass(frozen=True)
class Shape:
    """Sizes of the problem. ``n_right`` is None within one table; ``kept`` is k, or 0 for pairs.

    id_bytes: of an id in memory: 8 for numbers, 20 for strings of 16 digits.
    """

    n_left: int
    n_right: int | None
    width: int
    value_bytes: int
    kept: int
    id_bytes: int = 20

    @property
    def row_bytes(self) -> int:
        """Bytes of a row in a block."""
        return self.width * self.value_bytes

    @property
    def partial_bytes(self) -> int:
        """Bytes of a partial result in memory: two ids and a number."""
        return 2 * self.id_bytes + 4

    @property
    def shuffled_bytes(self) -> int:
        """The same as Spark compresses and shuffles it: 10 were measured for numbers, 23 for strings of 16 digits."""
        return self.partial_bytes // 2

    @property
    def n_cells(self) -> float:
        """Pairs of rows, each once."""
        return self.n_left**2 / 2 if self.n_right is None else float(self.n_left * self.n_right)


def stripe_bytes(shape: Shape) -> tuple[int, int]:
    """Bytes in memory of a row of the left and of the right stripe of a task.

    Its values; norm, id and rank; its short list and result; on the left its float32 unit row.
    """
    right = shape.row_bytes + 128 + 8 * (shape.kept + shape.kept + max(8, shape.kept // 4))
    return right + 4 * shape.width, right


def task_seconds(shape: Shape, cluster: Cluster, n_cells: float, n_rows: int) -> float:
    """Seconds that a task takes for so many cells and rows of both stripes together."""
    products = 2 * shape.width * n_cells / (cluster.flops_per_s * cluster.task_cpus)
    rest = n_cells * cluster.cell_s + n_rows * (shape.row_bytes / _BYTES_PER_S + shape.kept * _KEPT_S)
    return _TASK_S + products + rest


def seconds_until_done(durations: Sequence[float], slots: int) -> float:
    """Seconds until the last task ends if they start in this order, the longest first.

    With something for a task that is slower than the others.
    """
    if len(durations) > _MAX_SIMULATED:
        return sum(durations) / slots + durations[0] / 2
    ends = [0.0] * slots
    for duration in durations:
        heapq.heapreplace(ends, ends[0] + duration)
    return max(ends) + _STRAGGLER * durations[0]
