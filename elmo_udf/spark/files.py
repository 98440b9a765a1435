"""Works with files on any Hadoop file system, from the driver."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from elmo_udf.cleanup import afterwards
from elmo_udf.errors import UserError
from elmo_udf.spark import internals


def hadoop_path(spark: SparkSession, path: str) -> tuple[Any, Any]:
    """Returns Hadoop's FileSystem and the qualified Path of ``path``.

    Raises UserError if no file system supports it.
    """
    with _reached(path):
        raw = internals.hadoop_path(path)
        file_system = raw.getFileSystem(internals.hadoop_configuration(spark))
        return file_system, file_system.makeQualified(raw)


@contextmanager
def _reached(path: str) -> Iterator[None]:
    try:
        yield
    except (Py4JError, PySparkException) as error:  # PySpark has classes of its own for some exceptions of Java
        raise UserError(f"path {path!r} can't be reached: {cause_of(error)}; check the address") from None


def cause_of(error: Exception) -> str:
    """Returns what an exception of Java says, on one line."""
    said = (str(getattr(error, "java_exception", error)).splitlines() or [type(error).__name__])[0]
    return f"{said} (a name with a colon)" if "Relative path in absolute URI" in said else said


def exists(spark: SparkSession, path: str) -> bool:
    """Returns whether there is a file or folder at ``path``."""
    file_system, where = hadoop_path(spark, path)
    with _reached(path):
        return bool(file_system.exists(where))


def same_file_system(spark: SparkSession, left: str, right: str) -> bool:
    """Returns whether a rename from one path to the other can work."""
    return bool(hadoop_path(spark, left)[0].getUri().equals(hadoop_path(spark, right)[0].getUri()))


def delete(spark: SparkSession, path: str) -> None:
    """Removes a file, or a folder with everything in it. Does nothing if there is none."""
    file_system, where = hadoop_path(spark, path)
    with _reached(path):
        file_system.delete(where, True)


def make_folder(spark: SparkSession, path: str) -> None:
    """Creates a folder and those above it. Raises UserError if that is impossible."""
    file_system, where = hadoop_path(spark, path)
    with _reached(path):
        made = file_system.mkdirs(where)
    if not made:
        raise UserError(f"folder {path!r} can't be created; check the path and its permissions")


def rename(spark: SparkSession, source: str, target: str) -> None:
    """Renames a file or folder within a file system. Raises OSError if the file system refuses it."""
    file_system, where = hadoop_path(spark, source)
    if not file_system.rename(where, hadoop_path(spark, target)[1]):
        raise OSError(f"{source} could not be renamed to {target}")


def parent(path: str) -> str:
    """Returns the folder that contains ``path``, as a path of the same kind."""
    above = path.rstrip("/").rpartition("/")[0]
    return above or ("/" if path.startswith("/") else ".")


def list_entries(spark: SparkSession, path: str) -> list[tuple[str, bool]]:
    """Returns the sorted names in a folder, and whether each is a folder. Returns none if there is no such folder."""
    file_system, where = hadoop_path(spark, path)
    with _reached(path):
        if not file_system.exists(where):
            return []
        return sorted((entry.getPath().getName(), entry.isDirectory()) for entry in file_system.listStatus(where))


def list_names(spark: SparkSession, path: str) -> list[str]:
    """Returns the sorted names in a folder, or none if there is no such folder."""
    return [name for name, _ in list_entries(spark, path)]


def write_text(spark: SparkSession, path: str, text: str) -> None:
    """Writes a small UTF-8 file, and replaces an existing one."""
    file_system, where = hadoop_path(spark, path)
    stream = file_system.create(where, True)
    with afterwards(stream.close):
        stream.write(bytearray(text.encode("utf-8")))


def put_file(spark: SparkSession, local: Path, path: str) -> None:
    """Copies a file on the driver's machine to ``path``, and replaces an existing one."""
    file_system, where = hadoop_path(spark, path)
    with _reached(path):
        file_system.copyFromLocalFile(False, True, internals.hadoop_path(str(local.absolute())), where)


def read_text(spark: SparkSession, path: str) -> str | None:
    """Returns the content of a small UTF-8 file, or None if there is none."""
    file_system, where = hadoop_path(spark, path)
    if (local := local_path(file_system, where)) is not None:
        return local.read_text("utf-8") if local.is_file() else None
    with _reached(path):
        if not file_system.exists(where):
            return None
        stream = file_system.open(where)
        with afterwards(stream.close):
            return bytes(stream.readAllBytes()).decode("utf-8")


def first_bytes(spark: SparkSession, path: str, n: int) -> bytes:
    """Returns the first ``n`` bytes of a file, or all of a shorter one. Raises UserError for one that can't be read."""
    file_system, where = hadoop_path(spark, path)
    if (local := local_path(file_system, where)) is not None:
        try:
            with local.open("rb") as file:
                return file.read(n)
        except OSError as error:
            raise UserError(f"file {path!r} can't be read: {error.strerror}; check its permissions") from None
    with _reached(path):
        stream = file_system.open(where)
        with afterwards(stream.close):
            return bytes(stream.readNBytes(n))


def create_text(spark: SparkSession, path: str, text: str) -> bool:
    """Writes a small UTF-8 file unless it exists. Returns whether this call has created it.

    If several callers try at once, one of them creates it. This always holds on local file systems and on HDFS;
    elsewhere it depends on the file system's create without overwrite. The folder is created if needed.
    """
    file_system, where = hadoop_path(spark, path)
    make_folder(spark, parent(path))
    if (local := local_path(file_system, where)) is not None:
        try:
            descriptor = os.open(local, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except (FileExistsError, FileNotFoundError):  # not found: the folder went away again meanwhile
            return False
        except OSError as error:
            raise UserError(f"path {path!r} can't be written: {error.strerror}; check its permissions") from None
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        return True
    try:
        stream = file_system.create(where, False)
        stream.write(bytearray(text.encode("utf-8")))
        stream.close()
    except Py4JError as error:
        if file_system.exists(where):
            return False
        raise UserError(
            f"path {path!r} can't be written: {str(error).splitlines()[0]}; check its permissions"
        ) from None
    return True


def renew_text(spark: SparkSession, path: str, text: str) -> None:
    """Updates the time of a small file, which contains ``text``.

    Some file systems can't, so it may be written again.
    """
    file_system, where = hadoop_path(spark, path)
    if (local := local_path(file_system, where)) is not None:
        os.utime(local)
    else:
        write_text(spark, path, text)


def age_s(spark: SparkSession, path: str) -> float:
    """Returns the seconds since the file was last written, by the clocks of its machine and of this one."""
    file_system, where = hadoop_path(spark, path)
    with _reached(path):
        return time.time() - float(file_system.getFileStatus(where).getModificationTime()) / 1000


def delete_empty(spark: SparkSession, path: str) -> None:
    """Removes a folder if it is empty."""
    file_system, where = hadoop_path(spark, path)
    if (local := local_path(file_system, where)) is not None:
        with suppress(OSError):
            local.rmdir()
        return
    with suppress(Py4JError):
        file_system.delete(where, False)


def list_files(spark: SparkSession, path: str) -> list[str]:
    """Returns the sorted paths of the data files in a folder and its subfolders, or none if there is no such folder.

    It leaves out what programs that read Parquet skip: names that begin with an underscore or a dot.
    """
    found = []
    for name, is_folder in list_entries(spark, path):
        if name.startswith(("_", ".")) and "=" not in name:
            continue
        found += [f"{name}/{below}" for below in list_files(spark, f"{path}/{name}")] if is_folder else [name]
    return found


def n_bytes(spark: SparkSession, path: str) -> int:
    """Returns the size in bytes of a file, or of all files in a folder and its subfolders."""
    file_system, where = hadoop_path(spark, path)
    with _reached(path):
        return int(file_system.getContentSummary(where).getLength())


def local_path(file_system: Any, where: Any) -> Path | None:
    """Returns the path for Python's own functions, or None for one of another machine."""
    return Path(str(where.toUri().getPath())) if file_system.getUri().getScheme() == "file" else None
