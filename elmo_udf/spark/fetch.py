"""Copies files that Spark can reach to the driver."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from elmo_udf.errors import UserError
from elmo_udf.spark import internals
from elmo_udf.spark.files import hadoop_path


def fetcher(spark: SparkSession) -> Callable[[str], Path]:
    """Returns a function that copies the file or folder of a URI, from any file system of Spark, to this machine.

    The function returns the path of the copy, which exists as long as the process. It does not use ``addFile``: that
    would also send the file to executors, which read the model in another form; it identifies files by the last part of
    their names; and if it fails to fetch a file, every later task fails. The function raises UserError if the URI can't
    be read.
    """

    def fetch(uri: str) -> Path:
        file_system, source = hadoop_path(spark, uri)
        folder = Path(tempfile.mkdtemp(prefix="elmo-fetched-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        target = folder / str(source.getName())
        local = internals.hadoop_path(str(target))
        try:
            file_system.copyToLocalFile(False, source, local, True)  # keeps the source, adds no files of checksums
        except (Py4JJavaError, PySparkException) as error:
            reason = getattr(error, "java_exception", error)
            raise UserError(
                f"address {uri!r}: Spark can't fetch it ({reason}), expected a file or folder that it can read; "
                "check the address, and that Spark has the settings of that file system"
            ) from None
        return target

    return fetch
