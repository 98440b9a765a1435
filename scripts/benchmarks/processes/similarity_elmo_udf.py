"""The comparison of this project, in a Spark session of its own; the JVM's start is not counted."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from similarity_spark import read_files

from elmo_udf.similarity.compare import compare
from elmo_udf.spark import daemon, internals
from elmo_udf.spark.launch import launch_options


def main(
    table: str, output: str, kind: str, k: int = 0, threshold: float = 0.0, prune: bool = True, cores: int = 2
) -> dict[str, Any]:
    """Seconds from the table to the written result; memory of workers; what Spark and the workers read and wrote."""
    builder = SparkSession.builder.master(f"local[{cores}]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.memory", "2g").config("spark.ui.showConsoleProgress", "false")
    with launch_options():  # archive and daemon as jobs have them
        spark = builder.config("spark.python.daemon.module", daemon.__name__).getOrCreate()
    spark.range(1).count()
    read_files(table)
    rows, workers = spark.read.parquet(table), Workers()
    started = time.perf_counter()
    comparison = compare(rows, staging=f"{output}-staging")
    packed_s = time.perf_counter() - started
    read_before = workers.bytes_read()
    found = comparison.top_k(k) if kind == "topk" else comparison.pairs(threshold, prune)
    found.write.parquet(output)
    seconds = time.perf_counter() - started
    pruning = comparison.pruning(threshold) if kind == "pairs" and prune else None
    return {
        "seconds": round(seconds, 3),
        "packing_s": round(packed_s, 3),
        "worker_gib": round(workers.peak_gib(), 3),
        "bytes_read": workers.bytes_read() - read_before,
        "spark": spark_totals(spark),
        "plan": comparison.plan(k).explain(),
        "components": None if pruning is None else pruning.components.shape[1],
    }


def spark_totals(spark: SparkSession) -> dict[str, int]:
    """Bytes shuffled and spilled by all stages of this session."""
    shuffled, spilled = internals.bytes_shuffled_and_spilled(spark)
    return {"shuffled": shuffled, "spilled": spilled}


class Workers:
    """Python workers under this process, looked at every second while they live."""

    def __init__(self) -> None:
        self._peaks: dict[int, int] = {}
        self._read: dict[int, int] = {}
        threading.Thread(target=self._watch, daemon=True).start()

    def peak_gib(self) -> float:
        """Most resident memory of any worker."""
        self._look()
        return max(self._peaks.values(), default=0) / 2**20

    def bytes_read(self) -> int:
        """By all of them, from files and pipes, since they started."""
        self._look()
        return sum(self._read.values())

    def _watch(self) -> None:
        while True:
            self._look()
            time.sleep(1)

    def _look(self) -> None:
        for pid in _descendants(os.getpid(), "pyspark.worker"):
            with suppress(OSError):
                self._peaks[pid] = _number(f"/proc/{pid}/status", "VmHWM")
                self._read[pid] = _number(f"/proc/{pid}/io", "rchar")


def _number(path: str, name: str) -> int:
    return int(next(line for line in Path(path).read_text().splitlines() if line.startswith(name)).split()[1])


def _descendants(root: int, command: str) -> list[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, StopIteration):
                parents[int(entry.name)] = _number(f"{entry}/status", "PPid")
    below: Callable[[int], bool] = lambda pid: pid == root or (pid in parents and below(parents[pid]))  # noqa: E731
    found = []
    for pid in parents:
        with suppress(OSError):
            if command in Path(f"/proc/{pid}/cmdline").read_text() and below(pid):
                found.append(pid)
    return found
