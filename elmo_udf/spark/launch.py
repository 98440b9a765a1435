"""Gives options to the JVM that a job starts: the archive of its classes, and what Spark logs.

Spark's launcher takes them from an environment variable. Users who set this variable, or who configure Log4j in Spark's
folder of settings, have it their way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from elmo_udf.spark.class_archive import archive_options

OPTIONS = "SPARK_SUBMIT_OPTS"
"""The variable from which Spark's launcher takes options for the driver's JVM."""

_LOG4J = Path(__file__).with_name("log4j2.properties")


@contextmanager
def launch_options() -> Iterator[None]:
    """While the block runs, a JVM that Spark starts gets our options, unless the user has set options for the JVM."""
    options = " ".join(filter(None, [archive_options(), _log_options()]))
    if OPTIONS in os.environ or not options:
        yield
        return
    os.environ[OPTIONS] = options
    try:
        yield
    finally:
        os.environ.pop(OPTIONS, None)


def _log_options() -> str:
    """Returns the options with which Log4j reads our file, or none if the user has one."""
    folders = {"SPARK_CONF_DIR": ".", "SPARK_HOME": "conf"}
    if any(name in os.environ and any(Path(os.environ[name], at).glob("log4j2*")) for name, at in folders.items()):
        return ""
    return f'"-Dlog4j2.configurationFile={_LOG4J.as_uri()}"' if _LOG4J.is_file() else ""  # none inside of a zip
