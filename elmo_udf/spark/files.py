"""Files of any Hadoop file system, from the driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from elmo_udf.errors import UserError


def hadoop_path(spark: SparkSession, path: str) -> tuple[Any, Any]:
    """Hadoop's FileSystem and Path (qualified) of ``path``. Raises UserError where no file system answers to it."""
    jvm = spark.sparkContext._jvm
    with _reached(path):
        raw = jvm.org.apache.hadoop.fs.Path(path)  # type: ignore[union-attr]
        file_system = raw.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())  # type: ignore[union-attr]
        return file_system, file_system.makeQualified(raw)


@contextmanager
def _reached(path: str) -> Iterator[None]:
    try:
        yield
    except Py4JError as error:
        cause = str(getattr(error, "java_exception", error)).splitlines()[0]
        raise UserError(f"path {path!r} can't be reached: {cause}; check the address") from None


def exists(spark: SparkSession, path: str) -> bool:
    """Whether there is a file or folder at ``path``."""
    file_system, where = hadoop_path(spark, path)
    with _reached(path):
        return bool(file_system.exists(where))


def same_file_system(spark: SparkSession, left: str, right: str) -> bool:
    """Whether a rename from one path to the other can work."""
    return bool(hadoop_path(spark, left)[0].getUri().equals(hadoop_path(spark, right)[0].getUri()))


def delete(spark: SparkSession, path: str) -> None:
    """Remove a file or a folder with all it holds; nothing happens where there is none."""
    file_system, where = hadoop_path(spark, path)
    with _reached(path):
        file_system.delete(where, True)


def make_folder(spark: SparkSession, path: str) -> None:
    """Make a folder and those above it. Raises UserError where that can't be."""
    file_system, where = hadoop_path(spark, path)
    with _reached(path):
        made = file_system.mkdirs(where)
    if not made:
        raise UserError(f"folder {path!r} can't be made; check the path and its permissions")


def rename(spark: SparkSession, source: str, target: str) -> None:
    """Rename a file or folder within a file system; OSError where it is refused."""
    file_system, where = hadoop_path(spark, source)
    if not file_system.rename(where, hadoop_path(spark, target)[1]):
        raise OSError(f"{source} could not be renamed to {target}")


def parent(path: str) -> str:
    """The folder that ``path`` is in, as a path of the same kind."""
    above = path.rstrip("/").rpartition("/")[0]
    return above or ("/" if path.startswith("/") else ".")


def list_entries(spark: SparkSession, path: str) -> list[tuple[str, bool]]:
    """Names in a folder, sorted, and whether each is a folder; none where there is no such folder."""
    file_system, where = hadoop_path(spark, path)
    with _reached(path):
        if not file_system.exists(where):
            return []
        return sorted((entry.getPath().getName(), entry.isDirectory()) for entry in file_system.listStatus(where))


def list_names(spark: SparkSession, path: str) -> list[str]:
    """Names in a folder, sorted; none where there is no such folder."""
    return [name for name, _ in list_entries(spark, path)]


def write_text(spark: SparkSession, path: str, text: str) -> None:
    """Write a small UTF-8 file, replacing what was there."""
    file_system, where = hadoop_path(spark, path)
    stream = file_system.create(where, True)
    try:
        stream.write(bytearray(text.encode("utf-8")))
    finally:
        stream.close()


def put_file(spark: SparkSession, local: Path, path: str) -> None:
    """Copy a file of the driver's machine to ``path``, replacing what was there."""
    file_system, where = hadoop_path(spark, path)
    with _reached(path):
        source = spark.sparkContext._jvm.org.apache.hadoop.fs.Path(str(local.absolute()))  # type: ignore[union-attr]
        file_system.copyFromLocalFile(False, True, source, where)
