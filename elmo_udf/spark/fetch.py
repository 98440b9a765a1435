"""Files that Spark can reach, brought to the driver."""

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
    """A function that copies the file or folder of a URI, of any file system that Spark reads, to the driver's machine.

    It returns where the copy is, which lasts as long as the process. Not by ``addFile``: that would also bring the file
    to executors, which read the model in another form, knows files by their last name only, and remembers one that it
    failed to fetch, so that every later task fails. The function raises UserError where the URI can't be read.
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
