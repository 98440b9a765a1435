"""Logs a line of progress every few seconds while Spark works."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from elmo_udf.spark.repeated import repeated

if TYPE_CHECKING:
    from pyspark import Accumulator

log = logging.getLogger(__name__)
T = TypeVar("T")

EVERY_S = 5.0


@contextmanager
def watched(done: Accumulator[T], line: Callable[[T, float], str]) -> Iterator[None]:
    """While the block runs, logs ``line(value of the accumulator, seconds)`` whenever the value has changed.

    Spark adds the part of a task when the task ends.
    """
    started, shown = time.monotonic(), done.value

    def watch() -> None:
        nonlocal shown
        if done.value != shown:
            shown = done.value
            log.info("%s", line(shown, time.monotonic() - started))

    with repeated("progress", EVERY_S, watch):
        yield


def time_left(share: float, seconds: float) -> str:
    """Returns the text "ETA h:mm:ss" for the rest, if ``share`` (above 0) of the work took ``seconds``."""
    minutes, rest = divmod(round(seconds / share - seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"ETA {hours}:{minutes:02d}:{rest:02d}" if hours else f"ETA {minutes}:{rest:02d}"
