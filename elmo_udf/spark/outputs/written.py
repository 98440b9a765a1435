"""Says what a run writes and reads, and checks what of it may be written, before any work."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import SparkSession

from elmo_udf.errors import ReportInTheWay, UserError
from elmo_udf.report import is_replaced
from elmo_udf.spark import files, internals
from elmo_udf.spark.listing import is_glob
from elmo_udf.spark.outputs.addresses import PREFIX, Address, address_here, address_of

_GLOB = re.compile(r"[*?{}\[\]\\]")

Paths = str | Collection[str] | None


@dataclass(frozen=True)
class Output:
    """A table, or another folder, that a run writes. ``name`` is the name of its option, for messages."""

    name: str
    path: str
    kinds: tuple[str, ...] = ()
    """What its ``_elmo.json`` may call it. A table of another kind is neither replaced nor extended. Without kinds it
    is no table, and the job checks what is there."""
    parts: Collection[str] = ()
    """Names in it other than Parquet files and partition folders."""
    mode: str = ""
    """Its mode, if that is not the mode of the run."""


@dataclass(frozen=True)
class Written:
    """Everything that a run writes and reads, by the names of the options."""

    outputs: tuple[Output, ...]
    read: Mapping[str, Paths]
    mode: str
    files: Mapping[str, str | None] = field(default_factory=dict)
    """Pictures and other small files on the driver's machine."""
    report: str | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    """The options, which tell one command from another."""
    dry_run: bool = False

    @staticmethod
    def of(
        options: Any,
        outputs: Collection[Output],
        read: Mapping[str, Paths],
        files: Collection[str] = (),
        mode: str = "",
    ) -> Written:
        """Returns what a job with these options writes and reads. ``files`` are names of options of small files."""
        asked = {"job": type(options).__name__, **vars(options)}
        small = {name: getattr(options, name) for name in files}
        mode = mode or options.mode
        return Written(tuple(outputs), read, mode, small, options.report, asked, options.dry_run)


@dataclass(frozen=True)
class Places:
    """The addresses of everything that a run writes and reads."""

    outputs: dict[str, Address]
    files: dict[str, Address]
    read: list[Address]

    @property
    def written(self) -> list[Address]:
        """All addresses that the run writes, the outputs first."""
        return [*self.outputs.values(), *self.files.values()]


@dataclass(frozen=True)
class _Target:
    name: str
    path: str
    address: Address

    def refuse(self, why: str) -> None:
        kind = ReportInTheWay if self.name == "report" else UserError
        raise kind(f"{self.name} {self.path!r} {why}; expected separate paths; change one of them")


@dataclass(frozen=True)
class _Source:
    name: str
    path: str
    address: Address
    is_read: bool
    """False for the folder of a glob, which an output must not contain, but may be in."""


def resolve(spark: SparkSession, written: Written, staged: Collection[Address] = ()) -> Places:
    """Returns the addresses, after it has checked that nothing written is in the way of anything else.

    ``staged`` are folders of an outer run, in which an inner run writes. Raises UserError.
    """
    _check_one_file_system(spark, written.outputs)
    outputs = [_Target(one.name, one.path, address_of(spark, one.path)) for one in written.outputs]
    here = [_Target(name, path, address_here(path)) for name, path in written.files.items() if path is not None]
    report = [_Target("report", path, address_here(path)) for path in [written.report] if path and is_replaced(path)]
    sources = [_Source(name, *found) for name, paths in written.read.items() for found in _found(spark, paths)]
    _check_letters(outputs, sources)
    for target in (*report, *outputs, *here):
        _check_name(target, staged, is_table=target in outputs)
        for source in sources:
            if target.address.holds(source.address):
                target.refuse(f"contains the {source.name} {source.path!r}")
            if source.is_read and source.address.holds(target.address):
                target.refuse(f"is inside of the {source.name} {source.path!r}")
        for other in (*report, *outputs, *here):
            if other is not target and target.address.holds(other.address):
                (other if other in report else target).refuse(
                    f"is inside of {target.name} {target.path!r}"
                    if other in report
                    else f"contains {other.name} {other.path!r}"
                )
    read = [source.address for source in sources if source.is_read]
    return Places({one.name: one.address for one in outputs}, {one.name: one.address for one in here}, read)


def given(options: object, *names: str) -> dict[str, Any]:
    """Returns the paths of those options that are given, by name."""
    return {name: path for name in names if (path := getattr(options, name)) is not None}


def _check_one_file_system(spark: SparkSession, outputs: Sequence[Output]) -> None:
    for one in outputs[1:]:
        first = outputs[0]
        if not files.same_file_system(spark, first.path, one.path):
            raise UserError(
                f"{first.name} {first.path!r} and {one.name} {one.path!r} are on different file systems, expected one; "
                f"give a path of {one.name} beside the {first.name}"
            )


def _check_letters(outputs: Sequence[_Target], sources: Sequence[_Source]) -> None:
    """Refuses letters that the JVM would write as question marks, since it was started under LC_ALL=C or the like."""
    encoding = internals.encoding_of_names()
    named: list[_Target | _Source] = [*outputs, *sources]
    for one in named:
        if not one.address.uri.isascii() and encoding.upper() not in ("UTF-8", "UTF8"):
            raise UserError(
                f"{one.name} {one.path!r} has letters that Spark's JVM can't write in names of files, as it was "
                f"started with the encoding {encoding}; expected UTF-8; set LC_ALL=C.UTF-8 and start again"
            )


def _check_name(target: _Target, staged: Collection[Address], *, is_table: bool) -> None:
    uri = target.address.uri
    if is_table and (found := _GLOB.search(uri)):
        raise UserError(
            f"{target.name} {target.path!r} has {found[0]!r} in its path, which Spark takes as a pattern; choose a "
            "plain path"
        )
    of_ours = (f"{PREFIX}-", f"{PREFIX}~")
    if any(part.lower().startswith(of_ours) for part in uri.split("/")) and not any(
        one.holds(target.address) for one in staged
    ):
        target.refuse(f"has a part that begins with {PREFIX}-, as the folders do in which runs stage their files")


def _found(spark: SparkSession, paths: Paths) -> Iterator[tuple[str, Address, bool]]:
    """Yields the fields of the sources at the paths. Globs are expanded, and links in folders are followed."""
    for path in [paths] if isinstance(paths, str) else paths or ():
        if re.match(r"https?:|[A-Za-z][A-Za-z0-9+.-]+:(?!/)", path):  # the handle of a model, such as builtin:mini
            continue
        if found := _GLOB.search(path) if is_glob(path) else None:
            yield path, address_of(spark, path[: found.start()].rpartition("/")[0] or "."), False
        for one in files.matches(spark, path) if found else [path]:
            yield path, address_of(spark, one), True
            yield from ((path, address_here(link), True) for link in files.links_in(spark, one))
