"""Workers of pytest-xdist: which files they run in which order, and what becomes of one that a test has ended."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

LONGEST_FIRST = (
    *("test_readme", "test_classify_job", "test_demo", "test_pages", "test_evaluate", "test_training_job"),
    *("test_embed", "test_incremental", "test_lake", "test_hang", "test_cluster", "test_training_workers"),
    *("test_spark_daemon", "test_fuzz_models"),
)
"""Files with which the workers begin, so that they end at about the same time."""


class Scheduling(LoadFileScheduling):
    """Files as with --dist=loadfile, but a test that ended its worker is not run again, and the rest of its file is."""

    def remove_node(self, node: Any) -> str | None:
        """Hand the tests of a worker that is gone to the others; return the one that it was running, if any."""
        unfinished = {file: tests for file, tests in self.assigned_work.pop(node).items() if not all(tests.values())}
        if not unfinished:
            return None
        tests = next(iter(unfinished.values()))
        crashed = next(name for name, is_done in tests.items() if not is_done)
        tests[crashed] = True
        self.workqueue.update((file, tests) for file, tests in unfinished.items() if not all(tests.values()))
        for other in self.assigned_work:
            self._reschedule(other)
        return crashed


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """Keep a file's tests together, in the order of the files below."""
    config.option.loadscopereorder = False
    return Scheduling(config, log) if config.option.dist == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


def pytest_configure(config: pytest.Config) -> None:
    """Give a worker a process group, which it shares with all processes that its tests start."""
    if hasattr(config, "workerinput"):
        os.setpgid(0, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """End what a worker leaves that a test has ended: its JVM, its jobs."""
    if error is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(node.gateway._io.popen.pid, signal.SIGTERM)
