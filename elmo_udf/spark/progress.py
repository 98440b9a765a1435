"""Logs lines of progress while Spark works."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from elmo_udf.spark.repeated import repeated

if TYPE_CHECKING:
    from pyspark import Accumulator

log = logging.getLogger(__name__)
T = TypeVar("T")

EVERY_S = 5.0
LONGEST_SILENCE_S = 30.0
WINDOW_S, WINDOW_ROUNDS = 300.0, 4
"""Rates are those of the last five minutes, and go back further if fewer rounds of tasks have ended in them."""
QUIET_S, LONGEST_ROUND_S = 20.0, 60.0
"""Tasks that run at once end at about the same time. A round of them is over if no other one ends for this time."""


class Pace(Generic[T]):
    """Remembers what had been done when, so that rates and remaining times hold for the work at hand.

    Spark adds the part of a task when the task ends, so what is done grows in rounds of tasks that end at about the
    same time. A rate counts whole rounds, and the remaining time goes on from the last one. One object serves all
    portions of a run: what happens between two portions takes time too.
    """

    def __init__(self, done: T, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rounds = deque([(clock(), done)])
        self._round_began = clock()

    @property
    def done(self) -> T:
        """What is done."""
        return self._rounds[-1][1]

    def note(self, done: T) -> bool:
        """Notes what is done now. Returns whether it has changed."""
        if done == self.done:
            return False
        now = self._clock()
        goes_on = now - self._rounds[-1][0] < QUIET_S and now - self._round_began < LONGEST_ROUND_S
        if goes_on and len(self._rounds) > 1:
            self._rounds.pop()
        else:
            self._round_began = now
        self._rounds.append((now, done))
        while len(self._rounds) > WINDOW_ROUNDS + 1 and now - self._rounds[1][0] >= WINDOW_S:
            self._rounds.popleft()
        return True

    def _last_round(self) -> tuple[float, T]:
        """Returns the end of the last round that is over, or what is done so far in the first one."""
        is_over = self._clock() - self._rounds[-1][0] >= QUIET_S
        return self._rounds[-1 if is_over or len(self._rounds) < 3 else -2]

    def rate(self, number: Callable[[T], float]) -> float:
        """Returns by how much ``number`` of what is done grows in a second."""
        (began, before), (ended, now) = self._rounds[0], self._last_round()
        return max(0.0, number(now) - number(before)) / max(ended - began, 1e-9)

    def left(self, number: Callable[[T], float], total: float) -> str:
        """Returns the text ", ETA h:mm:ss" for the rest of ``total``, or an empty string if nothing has been done."""
        rate = self.rate(number)
        if not rate:
            return ""
        ended, done = self._last_round()
        seconds = (total - number(done)) / rate - (self._clock() - ended)
        return f", ETA {duration(max(0.0, seconds))}"


@contextmanager
def watched(
    accumulator: Accumulator[T], line: Callable[[Pace[T]], str], pace: Pace[Any] | None = None
) -> Iterator[None]:
    """While the block runs, logs ``line`` whenever the value of the accumulator has changed, and every half minute.

    ``pace`` remembers the earlier portions of the same work.
    """
    kept: Pace[T] = Pace(accumulator.value) if pace is None else pace
    said = time.monotonic()

    def watch() -> None:
        nonlocal said
        if kept.note(accumulator.value) or time.monotonic() - said >= LONGEST_SILENCE_S:
            said = time.monotonic()
            log.info("%s", line(kept))

    with repeated("progress", EVERY_S, watch):
        yield
    kept.note(accumulator.value)


def time_left(share: float, seconds: float) -> str:
    """Returns the text "ETA h:mm:ss" for the rest, if ``share`` (above 0) of the work took ``seconds``."""
    return f"ETA {duration(seconds / share - seconds)}"


def duration(seconds: float) -> str:
    """Returns the text h:mm:ss, or m:ss for less than an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
