"""Cleans up after a block without hiding the error that ended it, and lets files appear when they are complete."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)


@contextmanager
def afterwards(clean: Callable[[], object]) -> Iterator[None]:
    """Calls ``clean`` when the block ends, with or without an error.

    If the block ends with an error, that error is raised, and an error of ``clean`` is only logged. If a disk is full
    or Spark is gone, cleaning up fails as well, and its error would otherwise hide the first one.
    """
    with if_it_fails(clean):
        yield
    clean()


@contextmanager
def if_it_fails(undo: Callable[[], object]) -> Iterator[None]:
    """Calls ``undo`` if the block ends with an error, which is raised. An error of ``undo`` is only logged."""
    try:
        yield
    except BaseException:
        try:
            undo()
        except Exception as error:
            log.warning("cleaning up after an error failed too: %s", str(error).split("\n", 1)[0])
            log.debug("what cleaning up met", exc_info=True)
        raise


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yields a path beside ``path`` to write to. At the end of the block, the file is moved to ``path``.

    If the block fails, the file is removed.
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with afterwards(lambda: unfinished.unlink(missing_ok=True)):
        yield unfinished
        unfinished.replace(path)
