"""Paths on any Hadoop file system, and what is there; files of this machine are read by Python.

Paths are strings as users type them, or addresses such as ``file:/data/x`` and ``hdfs://host/x``.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from elmo_udf.cleanup import afterwards
from elmo_udf.errors import UserError
from elmo_udf.spark import internals


def hadoop_path(spark: SparkSession, path: str) -> tuple[Any, Any]:
    """Hadoop's FileSystem and Path (qualified) of ``path``. Raises UserError where no file system answers to it."""
    with reached(path):
        raw = internals.hadoop_path(path)
        file_system = raw.getFileSystem(internals.hadoop_configuration(spark))
        return file_system, file_system.makeQualified(raw)


def local_path(spark: SparkSession, path: str) -> Path | None:
    """Returns the path for Python's own functions if it is on this machine, else None."""
    if found := re.fullmatch(r"file:(?://)?(/(?!/).*|/)", path, re.DOTALL):
        return Path(found[1])
    if re.match(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+:", path):
        return None
    file_system, where = hadoop_path(spark, path)
    return Path(str(where.toUri().getPath())) if file_system.getUri().getScheme() == "file" else None


@contextmanager
def reached(path: str) -> Iterator[None]:
    """Raises UserError where Java can't reach ``path`` in the block."""
    try:
        yield
    except (Py4JError, PySparkException) as error:  # PySpark has classes of its own for some exceptions of Java
        raise UserError(f"path {path!r} can't be reached: {cause_of(error)}; check the address") from None


def cause_of(error: Exception) -> str:
    """Returns what an exception of Java says, on one line."""
    said = (str(getattr(error, "java_exception", error)).splitlines() or [type(error).__name__])[0]
    return f"{said} (a name with a colon)" if "Relative path in absolute URI" in said else said


def same_file_system(spark: SparkSession, left: str, right: str) -> bool:
    """Returns whether a rename from one path to the other can work."""
    return bool(hadoop_path(spark, left)[0].getUri().equals(hadoop_path(spark, right)[0].getUri()))


def exists(spark: SparkSession, path: str) -> bool:
    """Returns whether there is a file or folder at ``path``."""
    if (local := local_path(spark, path)) is not None:
        return local.exists()
    file_system, where = hadoop_path(spark, path)
    with reached(path):
        return bool(file_system.exists(where))


def is_folder(spark: SparkSession, path: str) -> bool:
    """Returns whether there is a folder at ``path``."""
    if (local := local_path(spark, path)) is not None:
        return local.is_dir()
    file_system, where = hadoop_path(spark, path)
    with reached(path):
        return bool(file_system.exists(where) and file_system.getFileStatus(where).isDirectory())


def parent(path: str) -> str:
    """Returns the folder that ``path`` is in, as a path of the same kind."""
    above = path.rstrip("/").rpartition("/")[0]
    if above in ("", "file:") and "/" in path:
        return f"{above}/"
    return above or "."


def list_entries(spark: SparkSession, path: str) -> list[tuple[str, bool]]:
    """Names in a folder, sorted, and whether each is a folder; none where there is no such folder."""
    if (local := local_path(spark, path)) is not None:
        return _local_entries(path, local)
    file_system, where = hadoop_path(spark, path)
    with reached(path):
        if not file_system.exists(where):
            return []
        return sorted((entry.getPath().getName(), entry.isDirectory()) for entry in file_system.listStatus(where))


def _local_entries(path: str, local: Path) -> list[tuple[str, bool]]:
    try:
        return sorted((entry.name, entry.is_dir()) for entry in local.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return [(local.name, False)] if local.is_file() else []
    except OSError as error:
        raise UserError(f"path {path!r} can't be read: {error.strerror}; check its permissions") from None


def list_names(spark: SparkSession, path: str) -> list[str]:
    """Names in a folder, sorted; none where there is no such folder."""
    return [name for name, _ in list_entries(spark, path)]


def list_files(spark: SparkSession, path: str) -> list[str]:
    """Returns the data files in a folder and those below, as sorted relative paths; none if there is no such folder.

    What readers of Parquet skip is left out: names that begin with an underscore or a dot.
    """
    return all_files(spark, path, hidden=False)


def all_files(spark: SparkSession, path: str, hidden: bool = True) -> list[str]:
    """Returns all files in a folder and those below, as sorted relative paths, also those that readers skip."""
    found = []
    for name, is_folder in list_entries(spark, path):
        if not hidden and name.startswith(("_", ".")) and "=" not in name:
            continue
        found += [f"{name}/{below}" for below in all_files(spark, f"{path}/{name}", hidden)] if is_folder else [name]
    return found


def n_bytes(spark: SparkSession, path: str) -> int:
    """Bytes of a file, or of all files in a folder and below."""
    file_system, where = hadoop_path(spark, path)
    with reached(path):
        return int(file_system.getContentSummary(where).getLength())


def age_s(spark: SparkSession, path: str) -> float:
    """Seconds since the file was last written, by the clocks of its machine and of this one. UserError without one."""
    if (local := local_path(spark, path)) is not None:
        try:
            return time.time() - local.stat().st_mtime
        except OSError as error:
            raise UserError(f"path {path!r} can't be read: {error.strerror}") from None
    file_system, where = hadoop_path(spark, path)
    with reached(path):
        return time.time() - float(file_system.getFileStatus(where).getModificationTime()) / 1000


def read_text(spark: SparkSession, path: str) -> str | None:
    """Returns the text of a small UTF-8 file, or None if there is none. Raises UnicodeDecodeError, a ValueError."""
    if (local := local_path(spark, path)) is not None:
        return local.read_text("utf-8") if local.is_file() else None
    file_system, where = hadoop_path(spark, path)
    with reached(path):
        if not file_system.exists(where):
            return None
        stream = file_system.open(where)
        with afterwards(stream.close):
            return bytes(stream.readAllBytes()).decode("utf-8")


def first_bytes(spark: SparkSession, path: str, n: int) -> bytes:
    """Returns the first ``n`` bytes of a file, or all of a shorter one. Raises UserError for one that can't be read."""
    if (local := local_path(spark, path)) is not None:
        try:
            with local.open("rb") as file:
                return file.read(n)
        except OSError as error:
            raise UserError(f"file {path!r} can't be read: {error.strerror}; check its permissions") from None
    file_system, where = hadoop_path(spark, path)
    with reached(path):
        stream = file_system.open(where)
        with afterwards(stream.close):
            return bytes(stream.readNBytes(n))


def matches(spark: SparkSession, pattern: str) -> list[str]:
    """Returns the addresses of the files and folders that a Hadoop pattern matches."""
    file_system, where = hadoop_path(spark, pattern)
    with reached(pattern):
        return [str(status.getPath().toString()) for status in file_system.globStatus(where) or ()]


def links_in(spark: SparkSession, path: str) -> list[Path]:
    """Returns symbolic links in a folder of this machine and below. Spark follows them as it reads."""
    local = local_path(spark, path)
    if local is None or not local.is_dir():
        return []
    found = ((Path(folder), names) for folder, *all_names in os.walk(local) for names in all_names)
    return [folder / name for folder, names in found for name in names if (folder / name).is_symlink()]


def state(spark: SparkSession, path: str) -> list[tuple[str, int, int]]:
    """Returns name, bytes and time of change of a file, or of all files in and below a folder, or nothing."""
    if (local := local_path(spark, path)) is not None:
        found = [local] if local.is_file() else [one for one in local.rglob("*") if one.is_file()]
        stats = [(str(one), one.stat()) for one in found]
        return sorted((name, one.st_size, one.st_mtime_ns) for name, one in stats)
    file_system, where = hadoop_path(spark, path)
    statuses = []
    with reached(path):
        listed = file_system.listFiles(where, True) if file_system.exists(where) else None
        while listed is not None and listed.hasNext():
            one = listed.next()
            statuses.append((str(one.getPath().toString()), int(one.getLen()), int(one.getModificationTime())))
    return sorted(statuses)
