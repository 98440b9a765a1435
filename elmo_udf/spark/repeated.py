"""Something small that is done again and again beside the work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def repeated(name: str, every_s: float, work: Callable[[], None]) -> Iterator[None]:
    """Call ``work`` every so many seconds while the block runs, in a thread of that name."""
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
