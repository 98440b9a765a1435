"""An archive of the classes that Spark loads, with which its JVM starts faster.

The JVM reads, checks and links some twenty thousand classes at every start of Spark. It can keep them as it has them in
memory (https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html): a file that it maps at the next start.
scripts/setup makes one for an environment. An archive of another Java, or of other jars, the JVM passes over.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OPTIONS = "SPARK_SUBMIT_OPTS"
"""The variable from which Spark's launcher takes options of the driver's JVM."""


def archive_path() -> Path:
    """Where the archive of this Python environment is, if there is one."""
    return Path(sys.prefix) / "elmo-udf-spark.jsa"


def archive_options() -> str:
    """Options with which a JVM uses the archive of this environment; none where there is no archive."""
    path = archive_path()
    usable = path.is_file() and path.stat().st_size > 0
    return f'"-XX:SharedArchiveFile={path}" -Xlog:cds*=off' if usable else ""  # and says nothing if it passes it over


@contextmanager
def with_archive() -> Iterator[None]:
    """A JVM of Spark's that starts within uses the archive, unless the user has set options of the JVM."""
    options = archive_options()
    if OPTIONS in os.environ or not options:
        yield
        return
    os.environ[OPTIONS] = options
    try:
        yield
    finally:
        os.environ.pop(OPTIONS, None)
