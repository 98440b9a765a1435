"""Files that Spark can reach, brought to this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from py4j.protocol import Py4JJavaError
from pyspark import SparkFiles
from pyspark.sql import SparkSession

from elmo_udf.errors import UserError


def fetcher(spark: SparkSession) -> Callable[[str], Path]:
    """A function, for the driver, that fetches a URI of any file system that Spark reads, or http.

    It returns the path of the file or folder on this machine. Spark fetches a URI once per machine, whoever asks, and
    hands it to the executors too. Raises UserError where Spark can't fetch it.
    """

    def fetch(uri: str) -> Path:
        try:
            spark.sparkContext.addFile(uri.rstrip("/"), recursive=True)  # recursive: takes a folder too
        except Py4JJavaError as error:
            raise UserError(
                f"address {uri!r}: Spark can't fetch it ({error.java_exception}), expected a file or folder that it "
                "can read; check the address, and that Spark has the settings of that file system"
            ) from None
        return Path(SparkFiles.get(PurePosixPath(unquote(urlsplit(uri).path)).name))

    return fetch
