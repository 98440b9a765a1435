"""Repeats a small action beside the work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def repeated(name: str, every_s: float, work: Callable[[], None]) -> Iterator[None]:
    """While the block runs, calls ``work`` every ``every_s`` seconds, in a thread with the given name."""
    finished = threading.Event()

    def repeat() -> None:
        while not finished.wait(every_s):
            work()

    thread = threading.Thread(target=repeat, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
