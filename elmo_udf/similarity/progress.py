"""A line of progress every few seconds while tasks compare."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark import Accumulator

log = logging.getLogger(__name__)

EVERY_S = 5.0


@contextmanager
def watched(done: Accumulator[int], total: int) -> Iterator[None]:
    """Log how many of ``total`` comparisons are done, and the time left, while the block runs; moves as tasks end."""
    started, finished = time.monotonic(), threading.Event()

    def watch() -> None:
        shown = 0
        while not finished.wait(EVERY_S):
            if done.value > shown:
                shown = done.value
                log.info("%s", progress_line(shown, total, time.monotonic() - started))

    thread = threading.Thread(target=watch, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def progress_line(done: int, total: int, seconds: float) -> str:
    """What is done, how fast, and how long the rest takes at that speed."""
    left = round(seconds * (total - done) / done)
    return (
        f"compared {done:,} of {total:,} pairs ({done / total:.0%}), {done / max(seconds, 1e-9):,.0f} pairs/s, "
        f"ETA {left // 60}:{left % 60:02d}"
    )
