"""Finds the files at paths as Spark does, and refuses what Spark would leave out without a word."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from elmo_udf.errors import UserError
from elmo_udf.spark import files, internals

_MOST_NAMED = 3


def files_at(spark: SparkSession, paths: Sequence[str], what: str = "input") -> list[str]:
    """Returns the URIs of the files that Spark reads at the paths.

    Raises UserError where nothing is there, where two paths hold the same file, and where files would not be read:
    those in folders beside files, those beside folders named ``column=value``, and links to files that are gone.
    ``what`` names the option in the messages.
    """
    found: dict[str, str] = {}
    for path in paths:
        for uri in _files_of(spark, path, what):
            if uri in found:
                raise UserError(
                    f"{what} {found[uri]!r} and {what} {path!r} both hold {_name(uri)!r}, whose rows would be read "
                    "twice; expected paths apart; leave out one of them"
                )
            found[uri] = path
    return list(found)


def is_glob(path: str) -> bool:
    """Returns whether a path is a pattern of Hadoop's."""
    return any(character in path for character in "*?{[")


def visible_entries(spark: SparkSession, path: str) -> list[tuple[str, bool]]:
    """Returns the names in a folder that readers do not skip, and whether each is a folder."""
    return [entry for entry in files.list_entries(spark, path) if not entry[0].startswith(("_", "."))]


def _files_of(spark: SparkSession, path: str, what: str) -> list[str]:
    table = _listed(spark, path, what)
    read, below = set(table.inputFiles()), set(_listed(spark, path, what, recursive=True).inputFiles())
    if columns := [name for name in table.columns if name != "value"]:
        # Where folders are values of columns, Spark lists the files beside these folders, and reads none of them.
        read = {uri for uri in read if f"/{columns[0]}=".lower() in unquote(unquote(uri)).lower()}
    if not read:
        raise UserError(f"{what} {path!r} holds no files{_beside(spark, path)}; expected documents; check the path")
    if left := sorted(below - read):
        raise UserError(
            f"{what} {path!r} holds {_shown(left)}, which Spark would not read; expected files in one folder, or all "
            f"of them in folders named column=value; name all files with a glob such as {path.rstrip('/')}/*/*"
        )
    check_local(spark, path, what, read)
    return sorted(read)


def _listed(spark: SparkSession, path: str, what: str, recursive: bool = False) -> DataFrame:
    """Returns a table over the files at ``path``, which lists them; none of them is opened."""
    try:
        return spark.read.option("recursiveFileLookup", recursive).text(path)
    except (PySparkException, Py4JError) as error:
        if "PATH_NOT_FOUND" in str(error):
            hint = "; put a backslash before * ? { [ that are part of a name" if is_glob(path) else ""
            raise UserError(f"{what} {path!r} does not exist; check the path{hint}") from None
        if "CONFLICTING" in str(error):
            raise UserError(
                f"{what} {path!r} holds folders named column=value whose columns differ, or that lie beside other "
                "folders; expected the same columns everywhere; name the files with a glob"
            ) from None
        raise UserError(f"{what} {path!r} can't be reached: {files.cause_of(error)}; check the address") from None


def _beside(spark: SparkSession, path: str) -> str:
    """Returns what there is instead of files."""
    if is_glob(path):
        return ""
    folders = [name for name, is_folder in visible_entries(spark, path) if is_folder]
    if folders:
        return f"; found the folders {folders}, which are not read"
    names = [name for name in files.list_names(spark, path) if name.startswith(("_", "."))]
    return f"; found {names}, but readers skip names that begin with _ or ." if names else ""


def check_local(spark: SparkSession, path: str, what: str, uris: set[str]) -> None:
    """Raises UserError for what is wrong with files of this machine alone: broken links, and names with a colon."""
    if files.local_path(spark, path) is None:
        return
    file_system, where = files.hadoop_path(spark, path)
    for uri in sorted(uris):
        if ":" in _name(uri):
            raise UserError(
                f"{what} {path!r} holds the file {_name(uri)!r}, which Hadoop can't read, as there is a colon in its "
                "name; expected names without colons; rename it"
            )
    with suppress(Py4JError, PySparkException):  # a pattern whose braces hold a slash has no parent
        if broken := sorted(_broken_links(spark, file_system, where)):
            raise UserError(
                f"{what} {path!r} holds {_shown(broken)}, a link to a file that is not there; expected files; repair "
                "the link, or remove it"
            )


def _broken_links(spark: SparkSession, file_system: Any, where: Any) -> Iterator[str]:
    """Yields the links to nothing that ``where`` names or holds; Hadoop leaves them out of its lists."""
    pattern = internals.glob_filter(where.getName())
    for folder in _local_matches(file_system, where.getParent()):
        for path in folder.iterdir() if folder.is_dir() else ():
            if _is_broken(path) and pattern.accept(files.hadoop_path(spark, str(path))[1]):
                yield str(path)
    for root in _local_matches(file_system, where):
        for above, folders, names in os.walk(root):
            folders[:] = [name for name in folders if _is_visible(name)]
            yield from (f"{above}/{name}" for name in names if _is_visible(name) and _is_broken(Path(above, name)))


def _local_matches(file_system: Any, where: Any) -> list[Path]:
    statuses = file_system.globStatus(where) if where is not None else None
    return [Path(str(status.getPath().toUri().getPath())) for status in statuses or ()]


def _is_visible(name: str) -> bool:
    return not name.startswith(".") and (not name.startswith("_") or "=" in name)


def _is_broken(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _name(uri: str) -> str:
    return unquote(uri.rpartition("/")[2])


def _shown(uris: Sequence[str]) -> str:
    more = f" and {len(uris) - _MOST_NAMED:,} more" if len(uris) > _MOST_NAMED else ""
    return ", ".join(repr(unquote(uri)) for uri in uris[:_MOST_NAMED]) + more
