"""Changes files, on any Hadoop file system, from the driver.

Each function has done its work when it returns, and may be called again where it was cut off.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from elmo_udf.cleanup import afterwards
from elmo_udf.errors import ResourceError
from elmo_udf.spark import local_files
from elmo_udf.spark.files import cause_of, hadoop_path, local_path, parent

_MOVES_FOLDERS_AT_ONCE = {"hdfs"}
"""Schemes of file systems, beside that of this machine, where a folder is renamed in one step, and not file by file."""


@contextmanager
def _written(path: str) -> Iterator[None]:
    try:
        yield
    except (Py4JError, PySparkException) as error:
        raise ResourceError(
            f"path {path!r} can't be written: {cause_of(error)}; make room or give the right to, and run the same "
            "command again"
        ) from error


def make_folder(spark: SparkSession, path: str) -> None:
    """Makes a folder and those above it. Raises ResourceError if that is impossible."""
    if (local := local_path(spark, path)) is not None:
        with local_files.refusals(path):
            local.mkdir(parents=True, exist_ok=True)
        return
    file_system, where = hadoop_path(spark, path)
    with _written(path):
        made = file_system.mkdirs(where)
    if not made:
        raise ResourceError(f"folder {path!r} can't be made; check the path and its permissions")


def write_text(spark: SparkSession, path: str, text: str) -> None:
    """Writes a small UTF-8 file and replaces what was there."""
    write_bytes(spark, path, text.encode("utf-8"))


def write_bytes(spark: SparkSession, path: str, content: bytes) -> None:
    """Writes a small file and replaces what was there. On file systems that rename in one step it appears whole."""
    if (local := local_path(spark, path)) is not None:
        local_files.write(local, content)
        return
    unfinished = f"{parent(path)}/.{uuid.uuid4().hex}.tmp"
    file_system, where = hadoop_path(spark, unfinished)
    with _written(path):
        stream = file_system.create(where, True)
        with afterwards(stream.close):
            stream.write(bytearray(content))
    move(spark, unfinished, path)


def create_text(spark: SparkSession, path: str, text: str) -> bool:
    """Writes a small UTF-8 file unless there is one of this name. Returns whether this call has made it.

    Of several that try at once one makes it: on local file systems and on HDFS always, elsewhere as far as the file
    system's create without overwrite goes. The folder must be there.
    """
    if (local := local_path(spark, path)) is not None:
        return local_files.create(local, text.encode("utf-8"))
    at_once = moves_at_once(spark, path)
    unfinished = f"{parent(path)}/.{uuid.uuid4().hex}.tmp" if at_once else path
    file_system, where = hadoop_path(spark, unfinished)
    try:
        stream = file_system.create(where, False)
        with afterwards(stream.close):
            stream.write(bytearray(text.encode("utf-8")))
        made = not at_once or bool(file_system.rename(where, hadoop_path(spark, path)[1]))
    except (Py4JError, PySparkException) as error:
        if not at_once and file_system.exists(where):
            return False
        with _written(path):
            raise error
    if not made:
        delete(spark, unfinished)
    return made


def renew_text(spark: SparkSession, path: str, text: str) -> None:
    """Sets the time of a small file, which holds ``text``, to now, or writes it again where times can't be set."""
    if (local := local_path(spark, path)) is not None:
        with local_files.refusals(path):
            local.touch()
    else:
        write_text(spark, path, text)


def put_file(spark: SparkSession, local: Path, path: str) -> None:
    """Copies a file of the driver's machine to ``path`` and replaces what was there."""
    write_bytes(spark, path, local.read_bytes())


def move(spark: SparkSession, source: str, target: str) -> None:
    """Moves a file, which replaces one that is there, or a folder to where there is none. Makes the folders above.

    Not in one step on every file system: ``moves_at_once`` says where a folder is.
    """
    here, there = local_path(spark, source), local_path(spark, target)
    if here is not None and there is not None:
        local_files.move(here, there)
        return
    file_system, where = hadoop_path(spark, source)
    to = hadoop_path(spark, target)[1]
    with _written(target):
        file_system.mkdirs(to.getParent())
        if file_system.exists(to) and file_system.getFileStatus(where).isFile():
            file_system.delete(to, False)
        if not file_system.rename(where, to):
            raise ResourceError(f"{source!r} can't be renamed to {target!r}; check the path and its permissions")


def moves_at_once(spark: SparkSession, path: str) -> bool:
    """Returns whether a folder on the file system of ``path`` is renamed in one step, never seen half done."""
    return local_path(spark, path) is not None or path.partition(":")[0] in _MOVES_FOLDERS_AT_ONCE


def exchange(spark: SparkSession, one: str, other: str) -> None:
    """Exchanges two folders of this machine in one step."""
    here, there = local_path(spark, one), local_path(spark, other)
    assert here is not None and there is not None  # can_exchange has said so
    with local_files.refusals(other):
        local_files.exchange(here, there)


def can_exchange(spark: SparkSession, folder: str) -> bool:
    """Returns whether folders on the file system of ``folder`` can be exchanged."""
    local = local_path(spark, folder)
    return local is not None and local_files.can_exchange(local)


def link(spark: SparkSession, source: str, target: str, names: Collection[str]) -> bool:
    """Gives files of a folder a second name in another one, unless there is such a file. Returns whether it worked."""
    here, there = local_path(spark, source), local_path(spark, target)
    assert here is not None and there is not None  # can_exchange has said so
    return local_files.link(here, there, names)


def delete(spark: SparkSession, path: str) -> None:
    """Removes a file or a folder with all it holds. Nothing happens if there is none."""
    if (local := local_path(spark, path)) is not None:
        local_files.delete(local)
        return
    file_system, where = hadoop_path(spark, path)
    with _written(path):
        file_system.delete(where, True)


def delete_empty(spark: SparkSession, path: str) -> None:
    """Removes a folder if nothing is in it."""
    if (local := local_path(spark, path)) is not None:
        with suppress(OSError):
            local.rmdir()
        return
    file_system, where = hadoop_path(spark, path)
    with suppress(Py4JError, PySparkException):
        file_system.delete(where, False)
