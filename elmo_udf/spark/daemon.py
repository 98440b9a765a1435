"""Spark's daemon of Python workers, with PySpark from where it is installed.

Spark puts its own zip of PySpark first on the path of workers. There is nothing compiled in it, so that every
application compiles some fifty files, for a second, before its first task of Python. This is pyspark.daemon without
that zip; jobs name it as ``spark.python.daemon.module`` where they start a local Spark.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import distributions
from sysconfig import get_path

from elmo_udf.version import __version__

_ZIP = "/pyspark/python/lib/pyspark.zip"


def is_installed() -> bool:
    """Whether any start of this interpreter finds this version of the package, and PySpark; not so in a checkout."""
    packages = [get_path("purelib")]
    ours = any(found.version == __version__ for found in distributions(name="elmo-udf", path=packages))
    return ours and any(distributions(name="pyspark", path=packages))


def without_zip(path: Sequence[str]) -> list[str]:
    """A path of modules without the zip that lies in an installed PySpark which is on that path as well."""
    return [entry for entry in path if not (entry.endswith(_ZIP) and entry.removesuffix(_ZIP) in path)]


if __name__ == "__main__":
    sys.path[:] = without_zip(sys.path)
    from pyspark.daemon import manager

    manager()
