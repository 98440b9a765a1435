"""Cleaning up after a block, without hiding the error that has ended it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def afterwards(clean: Callable[[], object]) -> Iterator[None]:
    """Call ``clean`` when the block ends, however it ends.

    If the block ends with an error, that error is raised, and what ``clean`` raises is only logged: where a disk is
    full or Spark is gone, cleaning up fails as well, and would otherwise be all that is seen.
    """
    with if_it_fails(clean):
        yield
    clean()


@contextmanager
def if_it_fails(undo: Callable[[], object]) -> Iterator[None]:
    """Call ``undo`` if the block ends with an error, which is raised; what ``undo`` raises is only logged."""
    try:
        yield
    except BaseException:
        try:
            undo()
        except Exception as error:
            log.warning("cleaning up after an error failed too: %s", str(error).split("\n", 1)[0])
            log.debug("what cleaning up met", exc_info=True)
        raise
