"""Uses an archive of the classes that Spark loads, with which its JVM starts faster.

At every start of Spark, the JVM reads, checks and links about twenty thousand classes. It can store them in their
in-memory form (https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html), in a file that it maps at the
next start. scripts/setup makes this file for an environment. The JVM ignores an archive of another Java or of other
jars.
"""

from __future__ import annotations

import sys
from pathlib import Path


def archive_path() -> Path:
    """Returns the path of this Python environment's archive, which may not exist."""
    return Path(sys.prefix) / "elmo-udf-spark.jsa"


def archive_options() -> str:
    """Returns the options with which a JVM uses this environment's archive, or none if there is no archive."""
    path = archive_path()
    usable = path.is_file() and path.stat().st_size > 0
    return f'"-XX:SharedArchiveFile={path}" -Xlog:cds*=off' if usable else ""  # and says nothing if it passes it over
