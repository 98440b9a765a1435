"""Files that Spark can reach, brought to this machine."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from py4j.protocol import Py4JJavaError
from pyspark import SparkContext, SparkFiles

from elmo_udf.errors import UserError


def fetch(uri: str) -> Path:
    """Where Spark has put the file or folder that ``uri`` names: any file system that Spark reads, or http.

    For the driver, with a running SparkContext. Spark fetches a URI once per machine, whoever asks, and hands it to the
    executors too. Raises UserError where it can't.
    """
    context = SparkContext.getOrCreate()
    try:
        context.addFile(uri.rstrip("/"), recursive=True)  # recursive: takes a folder too
    except Py4JJavaError as error:
        raise UserError(
            f"address {uri!r}: Spark can't fetch it ({error.java_exception}), expected a file or folder that it "
            "can read; check the address, and that Spark has the settings of that file system"
        ) from None
    return Path(SparkFiles.get(PurePosixPath(unquote(urlsplit(uri).path)).name))
