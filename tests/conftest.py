"""Fixtures shared by all tests."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elmo_udf.cli import versions
from elmo_udf.spark.class_archive import archive_options
from tests.workers import (  # noqa: F401  # hooks of pytest, which are found here
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_testnodedown,
    pytest_xdist_make_scheduler,
)

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
# Of every JVM that Spark's launcher starts. Tests are over before the JVM's slower, better compiler pays.
os.environ.setdefault("SPARK_SUBMIT_OPTS", f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC {archive_options()}")


def pytest_report_header() -> str:
    """The versions that this run tests."""
    return ", ".join(f"{name} {version}" for name, version in versions().items())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Function) -> None:
    """Replace a session that an earlier test has broken, and fixtures that were made with it."""
    for definition in item._fixtureinfo.name2fixturedefs.get("spark", ()):
        made = definition.cached_result
        if made is not None and made[2] is None and not is_alive(made[0]):
            definition.finish(item._request)


def is_alive(session: Any) -> bool:
    """Whether the JVM of a Spark session answers and says that the session has not been stopped."""
    try:
        return not session._jsc.sc().isStopped()
    except Exception:  # of several kinds: the connection is refused, is reset, gives no answer; or there is no context
        return False


def forget(session: Any) -> None:
    """Let PySpark start another JVM, where the one of this session is gone."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    session.sparkContext._jsc = None
    SparkContext._active_spark_context = SparkContext._gateway = SparkContext._jvm = None
    SparkSession._instantiatedSession = SparkSession._activeSession = None


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A job configures logging, as a command does; after each test it is as it was."""
    root, ours = logging.getLogger(), logging.getLogger("elmo_udf")
    before = (root.handlers[:], root.level)
    ours.setLevel(logging.NOTSET)  # a fixture that several tests share may have run a job
    yield
    root.handlers[:], root.level = before
    ours.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Data and fixtures that are not part of the project and may be absent."""
    if not SHARED.is_dir():
        pytest.skip("needs the shared data folder beside the checkout, which is not part of the project")
    return SHARED


@pytest.fixture(scope="session")
def spark() -> Iterator[object]:
    """One local session of two cores for all tests of a run; a task that fails runs once more, as on a cluster."""
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2,2]")
        .appName("elmo-tests")
        .config("spark.ui.enabled", "false")
        .config("spark.python.daemon.module", "tests.python_daemon")
        .config("spark.executorEnv.PYTHONPATH", str(ROOT))  # where that is
        .config("spark.task.cpus", "2")
        .config("spark.driver.memory", "2g")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    try:
        session.stop()
    except Exception:  # as above
        forget(session)
