"""Divides a comparison into tasks, and computes what that costs, from sizes alone and before anything runs.

Blocks are grouped into *stripes*. A task compares one pair of stripes, a *super-tile*: it holds both in memory,
computes their product tile by tile, and keeps the best results. Within one table these are the pairs I ≤ J. Longer
stripes need fewer reads and leave fewer partial results; shorter stripes need less memory and make more tasks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from elmo_udf.errors import UserError
from elmo_udf.similarity.blocks.files import Block, Stripe
from elmo_udf.similarity.kernels.cost import (
    FEW_BYTES,
    WORKER_MIB,
    Cluster,
    Shape,
    seconds_until_done,
    stripe_bytes,
    task_seconds,
)

MAX_MATRIX_CELLS = 400_000_000
"""Largest number of cells of a matrix: 20,000 x 20,000, or 1.6 GB."""
MAX_MATRIX_COLUMNS = 100_000
MATRIX_CELLS = 1 << 24
"""Number of cells of a matrix in a task at a time. For each such part of its rows, it reads the right table once."""

_ONE_TASK_S = 4.0  # work that is not worth dividing
_MAX_TASKS = 50_000


@dataclass(frozen=True)
class SuperTile:
    """One task: the numbers of the stripes that it compares. ``right`` is None if a stripe is compared with itself."""

    left: int
    right: int | None


@dataclass(frozen=True)
class Plan:
    """The number of stripes per side (``n_right`` is None within one table), and the expected time in seconds."""

    shape: Shape
    n_left: int
    n_right: int | None
    seconds: float

    @property
    def stripe_rows(self) -> tuple[int, int]:
        """The number of rows of a stripe on the left and on the right."""
        left = ceil(self.shape.n_left / self.n_left)
        if self.n_right is None or self.shape.n_right is None:
            return left, left
        return left, ceil(self.shape.n_right / self.n_right)

    def explain(self) -> dict[str, object]:
        """Returns the plan in numbers, for people."""
        shape = self.shape
        n_rows = shape.n_left + (shape.n_right or 0)
        n_loads = shape.n_left * (self.n_right or self.n_left) + (shape.n_right or 0) * self.n_left
        n_partial = shape.n_left * (self.n_right or self.n_left) * shape.kept
        left_bytes, right_bytes = stripe_bytes(shape)
        stripes_mib = (left_bytes * self.stripe_rows[0] + right_bytes * self.stripe_rows[1]) / 2**20
        ids_shuffled = n_rows if n_rows * shape.id_bytes > FEW_BYTES else 0  # to find repeated ones
        partial_shuffled = n_partial if n_partial * shape.partial_bytes > FEW_BYTES else 0
        return {
            "rows": shape.n_left,
            **({} if shape.n_right is None else {"rows_against": shape.n_right}),
            "width": shape.width,
            "super_tile": "{:,} x {:,} rows".format(*self.stripe_rows),
            "tasks": len(super_tiles(self.n_left, self.n_right)),
            "gflop": round(2 * shape.width * shape.n_cells / 1e9, 3),
            "mib_written_to_blocks": round(n_rows * shape.row_bytes / 2**20, 3),
            "mib_read_from_blocks": round(n_loads * shape.row_bytes / 2**20, 3),
            **({"partial_rows_at_most": n_partial} if shape.kept else {}),
            "mib_shuffled": round((ids_shuffled + partial_shuffled) * shape.shuffled_bytes / 2**20, 3),
            "worker_mib_at_most": WORKER_MIB + ceil(stripes_mib),
            "seconds_estimated": round(self.seconds, 1),
        }


def explain_matrix(shape: Shape, cluster: Cluster) -> dict[str, object]:
    """Returns the plan of a matrix in numbers. Every task has some of the left rows, and reads the right ones."""
    n_columns = shape.n_left if shape.n_right is None else shape.n_right
    n_tasks = matrix_tasks(shape, cluster)
    n_rows = shape.n_left + (shape.n_right or 0)
    n_cells = shape.n_left * n_columns
    rows_of_task = ceil(shape.n_left / n_tasks)
    n_reads = n_tasks * ceil(rows_of_task / max(1, MATRIX_CELLS // n_columns))  # of the right table
    return {
        "rows": shape.n_left,
        "columns": n_columns,
        "width": shape.width,
        "super_tile": f"{rows_of_task:,} x {n_columns:,} rows",
        "tasks": n_tasks,
        "gflop": round(2 * shape.width * n_cells / 1e9, 3),
        "mib_written_to_blocks": round(n_rows * shape.row_bytes / 2**20, 3),
        "mib_read_from_blocks": round((shape.n_left + n_reads * n_columns) * shape.row_bytes / 2**20, 3),
        "mib_shuffled": round((n_rows * shape.shuffled_bytes + 4 * n_cells) / 2**20, 3),
    }


def matrix_tasks(shape: Shape, cluster: Cluster) -> int:
    """Returns the number of tasks of a matrix: one if dividing it does not pay, and more if memory requires it.

    Its products are in float64, which is twice the work.
    """
    n_cells = float(shape.n_left * (shape.n_left if shape.n_right is None else shape.n_right))
    seconds = task_seconds(shape, cluster, 2 * n_cells, shape.n_left + (shape.n_right or 0))
    least = ceil(shape.n_left * shape.row_bytes / (cluster.memory_mib * 2**20))
    return max(least, 1 if seconds <= _ONE_TASK_S else min(shape.n_left, 2 * cluster.slots))


def make_plan(shape: Shape, cluster: Cluster, stripe_rows: int | None = None) -> Plan:
    """Returns the division that should end first, out of those that fit into the memory of a worker.

    Args:
        stripe_rows: The length of stripes, or None to choose it.
    """
    if stripe_rows is not None:
        return _plan(shape, cluster, stripe_rows)
    longest = max(1, cluster.memory_mib * 2**20 // sum(stripe_bytes(shape)))
    rows = min(longest, max(shape.n_left, shape.n_right or 0))
    best = _plan(shape, cluster, rows)
    while rows > 64 and best.seconds > _ONE_TASK_S:
        rows = int(rows * 0.9)
        if ceil(shape.n_left / rows) * ceil((shape.n_right or shape.n_left) / rows) > _MAX_TASKS:
            break
        best = min(best, _plan(shape, cluster, rows), key=lambda plan: plan.seconds)
    return best


def check_matrix_size(n_rows: int, n_columns: int) -> None:
    """Raises UserError if a matrix is too large."""
    if n_rows * n_columns > MAX_MATRIX_CELLS or n_columns > MAX_MATRIX_COLUMNS:
        raise UserError(
            f"a matrix of {n_rows:,} x {n_columns:,} is too large; expected at most {MAX_MATRIX_CELLS:,} cells and "
            f"{MAX_MATRIX_COLUMNS:,} columns; use fewer rows, or find topk or pairs instead"
        )


def super_tiles(n_left: int, n_right: int | None) -> list[SuperTile]:
    """Returns all tasks, the longest first."""
    if n_right is not None:
        return [SuperTile(i, j) for i in range(n_left) for j in range(n_right)]
    above = [SuperTile(i, j) for i in range(n_left) for j in range(i + 1, n_left)]
    return above + [SuperTile(i, None) for i in range(n_left)]


def stripes_of(table: Stripe, n_stripes: int) -> list[Stripe]:
    """Returns the blocks in order, divided into at most ``n_stripes`` stripes of similar length.

    None of them is empty.
    """
    total, done = len(table), 0
    stripes: list[list[Block]] = [[] for _ in range(n_stripes)]
    for block in table.blocks:
        middle = done + block.n_rows / 2
        stripes[int(middle * n_stripes / total)].append(block)
        done += block.n_rows
    return [Stripe(table.folder, tuple(blocks)) for blocks in stripes if blocks]


def _plan(shape: Shape, cluster: Cluster, stripe_rows: int) -> Plan:
    n_left = ceil(shape.n_left / stripe_rows)
    n_right = None if shape.n_right is None else ceil(shape.n_right / stripe_rows)
    plan = Plan(shape, n_left, n_right, 0.0)
    return replace(plan, seconds=_seconds(plan, cluster))


def _seconds(plan: Plan, cluster: Cluster) -> float:
    left, right = plan.stripe_rows
    full = task_seconds(plan.shape, cluster, left * right, left + right)
    if plan.n_right is not None:
        durations = [full] * (plan.n_left * plan.n_right)
    else:
        half = task_seconds(plan.shape, cluster, left * left / 2, left)
        durations = [full] * (plan.n_left * (plan.n_left - 1) // 2) + [half] * plan.n_left
    return seconds_until_done(durations, cluster.slots)
