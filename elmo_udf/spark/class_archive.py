"""Uses an archive of the classes that Spark loads, with which its JVM starts faster.

At every start of Spark, the JVM reads, checks and links about twenty thousand classes. It can store them in their
in-memory form (https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html), in a file that it maps at the
next start. scripts/setup makes this file for an environment. The JVM ignores an archive of another Java or of other
jars.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OPTIONS = "SPARK_SUBMIT_OPTS"
"""The variable from which Spark's launcher takes options for the driver's JVM."""


def archive_path() -> Path:
    """Returns the path of this Python environment's archive, which may not exist."""
    return Path(sys.prefix) / "elmo-udf-spark.jsa"


def archive_options() -> str:
    """Returns the options with which a JVM uses this environment's archive, or none if there is no archive."""
    path = archive_path()
    usable = path.is_file() and path.stat().st_size > 0
    return f'"-XX:SharedArchiveFile={path}" -Xlog:cds*=off' if usable else ""  # and says nothing if it passes it over


@contextmanager
def with_archive() -> Iterator[None]:
    """While the block runs, a JVM that Spark starts uses the archive, unless the user has set options for the JVM."""
    options = archive_options()
    if OPTIONS in os.environ or not options:
        yield
        return
    os.environ[OPTIONS] = options
    try:
        yield
    finally:
        os.environ.pop(OPTIONS, None)
