"""Says where a path leads, once and in one way: all rules about what may be written where use these addresses."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from elmo_udf.spark import files, local_files

PREFIX = "_elmo"
"""Names of the folders in which runs stage what they write begin so: readers skip them, and no output may."""

_LONGEST_NAME = 200
_PORTS = {"hdfs": ":8020"}


@dataclass(frozen=True, order=True)
class Address:
    """The one address of a file or folder, whichever way a user writes its path."""

    uri: str
    """``file:/data/x`` or ``hdfs://host/x``: absolute, without links, dots or a needless port."""

    @property
    def parent(self) -> str:
        """The folder that it is in."""
        return files.parent(self.uri)

    @property
    def name(self) -> str:
        """The last part."""
        return self.uri.rpartition("/")[2]

    @property
    def file_system(self) -> str:
        """Scheme and authority, which all files of its file system share."""
        return _split(self.uri)[0]

    @property
    def work_folder(self) -> str:
        """The folder in which a run that writes here stages its files: another one for every address.

        It has no "=" in its name, for which Spark would take it as a partition.
        """
        name = self.name.encode("utf-8", "surrogateescape")
        encoded = re.sub(rb"[^A-Za-z0-9_. -]", lambda found: b"~%02X" % found[0][0], name).decode("ascii")
        if len(encoded) > _LONGEST_NAME:
            return f"{self.parent.rstrip('/')}/{PREFIX}~{hashlib.sha256(name).hexdigest()}"
        return f"{self.parent.rstrip('/')}/{PREFIX}-{encoded}"

    def holds(self, other: Address) -> bool:
        """Returns whether ``other`` is this address, or lies in it."""
        if self.file_system != other.file_system:
            return False
        outer, inner = (_split(one.uri)[1] for one in (self, other))
        return f"{inner}/".startswith(f"{outer.rstrip('/')}/") or _is_above(self, other)


def address_of(spark: SparkSession, path: str) -> Address:
    """Returns the address of a path as users type it. Raises UserError if no file system answers to it."""
    if (local := files.local_path(spark, path)) is not None:
        return Address(f"file:{local_files.real(local.absolute())}")
    file_system, existing = files.hadoop_path(spark, path)
    missing: list[str] = []
    with files.reached(path):
        while existing.getParent() is not None and not file_system.exists(existing):
            missing.insert(0, existing.getName())
            existing = existing.getParent()
        found = _resolved(file_system, existing)
    place, folder = _split("/".join([found.rstrip("/"), *missing]))
    if place == "file:":
        return Address(f"file:{local_files.real(Path(folder))}")
    scheme = place.partition(":")[0].lower()
    return Address(f"{place.lower().removesuffix(_PORTS.get(scheme, ':'))}{folder}")


def address_here(path: str | Path) -> Address:
    """Returns the address of a path on this machine, which Python writes."""
    return Address(f"file:{local_files.real(Path(path).absolute())}")


def _resolved(file_system: object, existing: object) -> str:
    """Follows links, and mounts of a viewfs:, if the file system knows them."""
    try:
        return str(file_system.resolvePath(existing).toString())  # type: ignore[attr-defined]
    except Py4JError:
        return str(existing.toString())  # type: ignore[attr-defined]


def _split(uri: str) -> tuple[str, str]:
    """Returns the scheme with the authority, and the path."""
    found = re.fullmatch(r"([\w+.-]+:(?://[^/]*)?)(/.*)?", uri, re.DOTALL)
    assert found is not None  # an address is made so
    return ("file:" if found[1] == "file://" else found[1]), found[2] or "/"


def _is_above(outer: Address, inner: Address) -> bool:
    """Returns whether ``inner`` lies in a folder of this machine under another name: it may be mounted twice."""
    if outer.file_system != "file:":
        return False
    folder, path = (Path(_split(one.uri)[1]) for one in (outer, inner))
    number = local_files.identity(folder)
    return number is not None and any(local_files.identity(above) == number for above in (path, *path.parents))
