"""A line of progress every few seconds while Spark embeds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark import Accumulator
from pyspark.sql import SparkSession

from elmo_udf.embedding.stats import WorkerStats

log = logging.getLogger(__name__)

EVERY_S = 5.0


@contextmanager
def watched(spark: SparkSession, stats: Accumulator[WorkerStats], n_documents: int) -> Iterator[None]:
    """Log documents, tokens/s and the time left while the block runs. Numbers move when tasks end."""
    started, done = time.monotonic(), threading.Event()

    def watch() -> None:
        shown = WorkerStats()
        while not done.wait(EVERY_S):
            now: WorkerStats = stats.value
            if now != shown:
                log.info("%s", progress_line(now, n_documents, time.monotonic() - started))
                shown = now

    thread = threading.Thread(target=watch, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def progress_line(stats: WorkerStats, n_documents: int, seconds: float) -> str:
    """What is done, how fast, and how long the rest will take at that speed."""
    share = min(1.0, stats.n_documents / max(1, n_documents))
    left = f", ETA {_clock(seconds / share - seconds)}" if share else ""
    speed = stats.n_tokens / max(seconds, 1e-9)
    return (
        f"embedded {stats.n_documents:,} of {n_documents:,} documents ({share:.0%}), "
        f"{stats.n_tokens:,} tokens, {speed:,.0f} tokens/s{left}"
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
