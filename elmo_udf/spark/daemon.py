"""Spark's daemon of Python workers, with PySpark from where it is installed.

Spark puts its own zip of PySpark first on the path of workers. There is nothing compiled in it, so that every
application compiles some fifty files, for a second, before its first task of Python. This is pyspark.daemon without
that zip; jobs name it as ``spark.python.daemon.module`` where they start a local Spark.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path
from sysconfig import get_path


def is_installed() -> bool:
    """Whether every start of this interpreter finds this package and PySpark; not so from a mere checkout."""
    packages = get_path("purelib")
    return all(any(distributions(name=name, path=[packages])) for name in ("elmo-udf", "pyspark"))


def without_zip(path: Sequence[str]) -> list[str]:
    """A path of modules without the zip that lies in an installed PySpark which is on that path as well."""
    return [entry for entry in path if not (entry.endswith("/pyspark.zip") and str(Path(entry).parents[3]) in path)]


if __name__ == "__main__":
    sys.path[:] = without_zip(sys.path)
    from pyspark.daemon import manager

    manager()
