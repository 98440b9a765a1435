"""What comparing a million and ten million rows takes, on a cluster of cores and on one of GPUs: docs/similarity.md."""

from __future__ import annotations

from typing import Any

from elmo_udf.similarity.joins.plan import make_plan
from elmo_udf.similarity.kernels.cost import Cluster, Shape

WIDTH, K = 1024, 10
CORES = Cluster(slots=64 * 8, task_cpus=1)
GPUS = Cluster(slots=64, task_cpus=1, flops_per_s=40e12, cell_s=4e-12, memory_mib=16 * 1024)
"""A card of 40 TFLOP/s in float32, that reads scores at 1 TB/s, with 16 GiB for a task."""

_HEADINGS = ("rows", "kind", "on", "super-tile", "tasks", "work", "read", "partial rows", "shuffled", "time")


def arithmetic() -> str:
    """A table in Markdown, of the plans that ``make_plan`` makes."""
    lines = ["| " + " | ".join(_HEADINGS) + " |", "| " + " | ".join("---" for _ in _HEADINGS) + " |"]
    for n_rows in (1_000_000, 10_000_000):
        for kind, kept in (("topk", K), ("pairs", 0)):
            for name, cluster in (("64 x 8 cores", CORES), ("64 GPUs", GPUS)):
                lines.append("| " + " | ".join(_cells(n_rows, kind, kept, name, cluster)) + " |")
    return "\n".join(lines)


def _cells(n_rows: int, kind: str, kept: int, name: str, cluster: Cluster) -> tuple[str, ...]:
    plan = make_plan(Shape(n_rows, None, WIDTH, 4, kept), cluster)
    said = plan.explain()
    shuffled = f"{_number(said['mib_shuffled']) / 1024:,.1f} GiB"
    return (
        f"{n_rows:,}",
        f"{kind}, k = {kept}" if kept else kind,
        name,
        str(said["super_tile"]),
        f"{said['tasks']:,}",
        f"{_number(said['gflop']) / 1e6:,.1f} PFLOP",
        f"{_number(said['mib_read_from_blocks']) / 2**20:,.2f} TiB",
        f"{_number(said['partial_rows_at_most']) / 1e6:,.0f} million" if kept else "the pairs",
        shuffled if kept else f"{shuffled} and the pairs",
        _time(plan.seconds),
    )


def _number(value: Any) -> float:
    return float(value)


def _time(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 36_000 else f"{seconds / 3600:,.0f} h"
