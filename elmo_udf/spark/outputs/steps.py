"""Does a commit step by step. Each step can be written down before it is done, and done again after a kill."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from pyspark.sql import SparkSession

from elmo_udf.spark import changes, files, local_files


@dataclass(frozen=True)
class Move:
    """A file takes the place of one that may be there, or a folder a place where there is none."""

    source: str
    target: str
    kind: ClassVar[str] = "move"

    @property
    def paths(self) -> tuple[str, ...]:
        """Returns all paths that the step changes."""
        return self.source, self.target

    def do(self, spark: SparkSession) -> None:
        """Does the step, or nothing if it is done already."""
        if files.exists(spark, self.source):
            changes.move(spark, self.source, self.target)


@dataclass(frozen=True)
class Exchange:
    """A folder takes the place of another at once; the other one is then at ``source``."""

    source: str
    target: str
    number: int | None
    """The inode of the new folder, which tells whether it is in its place."""
    kind: ClassVar[str] = "exchange"

    @property
    def paths(self) -> tuple[str, ...]:
        """Returns all paths that the step changes."""
        return self.source, self.target

    def do(self, spark: SparkSession) -> None:
        """Does the step, or nothing if it is done already."""
        if self.number is not None and _number(spark, self.source) == self.number:
            changes.exchange(spark, self.source, self.target)


@dataclass(frozen=True)
class Delete:
    """A file, or a folder with all it holds, goes."""

    path: str
    kind: ClassVar[str] = "delete"

    @property
    def paths(self) -> tuple[str, ...]:
        """Returns all paths that the step changes."""
        return (self.path,)

    def do(self, spark: SparkSession) -> None:
        """Does the step, or nothing if it is done already."""
        changes.delete(spark, self.path)


@dataclass(frozen=True)
class DeleteEmpty:
    """A folder goes if nothing is in it."""

    path: str
    kind: ClassVar[str] = "delete_empty"

    @property
    def paths(self) -> tuple[str, ...]:
        """Returns all paths that the step changes."""
        return (self.path,)

    def do(self, spark: SparkSession) -> None:
        """Does the step, or nothing if it is done already."""
        changes.delete_empty(spark, self.path)


Step = Move | Exchange | Delete | DeleteEmpty
_KINDS: dict[str, Callable[..., Step]] = {one.kind: one for one in (Move, Exchange, Delete, DeleteEmpty)}


def as_json(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Returns the steps as an intent file has them."""
    return [{"do": step.kind, **asdict(step)} for step in steps]


def from_json(said: Sequence[dict[str, Any]]) -> list[Step]:
    """Returns the steps of an intent file. Raises KeyError, TypeError or ValueError if it is not one."""
    return [_KINDS[str(one["do"])](**{name: value for name, value in one.items() if name != "do"}) for one in said]


def become(spark: SparkSession, staged: str, target: str, kept: Collection[str] = ()) -> list[Step]:
    """Returns the steps that make ``target`` the staged folder and those files that it keeps (paths in it).

    Where folders can be exchanged and files can have two names, the kept files come into the staged folder, and a
    reader sees the old folder or the new one. Elsewhere new files come in before old ones go, file by file.
    """
    if not files.exists(spark, target):
        if changes.moves_at_once(spark, target):
            return [Move(staged, target)]
    elif changes.can_exchange(spark, files.parent(staged)) and changes.link(spark, target, staged, kept):
        return [Exchange(staged, target, _number(spark, staged))]
    new, old = files.all_files(spark, staged), files.all_files(spark, target)
    return _added(new, staged, target) + _removed(target, sorted(set(old) - set(new) - set(kept)))


def _added(names: list[str], staged: str, target: str) -> list[Step]:
    """Returns the steps that move files into a table: data first, then what readers skip, such as its metadata."""
    names.sort(key=lambda name: (name.rpartition("/")[2].startswith(("_", ".")), name))
    return [Move(f"{staged}/{name}", f"{target}/{name}") for name in names]


def _removed(target: str, names: Sequence[str]) -> list[Step]:
    """Returns the steps that delete files of a table, and the folders that have none left."""
    folders = {folder for name in names for folder in _above(name)}
    emptied = sorted(folders, key=lambda folder: -folder.count("/"))
    return [*(Delete(f"{target}/{name}") for name in names), *(DeleteEmpty(f"{target}/{name}") for name in emptied)]


def _above(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]


def _number(spark: SparkSession, path: str) -> int | None:
    """Returns the number that a folder of this machine keeps wherever it is renamed to."""
    local = files.local_path(spark, path)
    found = local_files.identity(local) if local is not None else None
    return found[1] if found is not None else None
