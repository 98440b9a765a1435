"""Runs Spark's daemon of Python workers with the installed PySpark.

Spark puts its own zip file of PySpark first on the path of workers. The zip contains no compiled files, so every
application spends a second on compiling about fifty files before its first Python task. This module is pyspark.daemon
without that zip. Jobs name it as ``spark.python.daemon.module`` when they start a local Spark.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import distributions
from sysconfig import get_path

from elmo_udf.version import __version__

_ZIP = "/pyspark/python/lib/pyspark.zip"


def is_installed() -> bool:
    """Returns whether every start of this interpreter finds this version of the package, and PySpark.

    In a checkout it does not.
    """
    packages = [get_path("purelib")]
    ours = any(found.version == __version__ for found in distributions(name="elmo-udf", path=packages))
    return ours and any(distributions(name="pyspark", path=packages))


def without_zip(path: Sequence[str]) -> list[str]:
    """Returns the module path without Spark's zip, if the installed PySpark that contains it is also on the path."""
    return [entry for entry in path if not (entry.endswith(_ZIP) and entry.removesuffix(_ZIP) in path)]


if __name__ == "__main__":
    sys.path[:] = without_zip(sys.path)
    from pyspark.daemon import manager

    manager()
