"""All that a run writes, as one: resolved, checked, locked, staged, and put in place by one commit.

    def work(run: Transaction) -> dict[str, Any]:
        rows.write.parquet(f"{run.folder('output')}/table")
        run.put_table("output", f"{run.folder('output')}/table", sidecar)
        return report

    written = Written.of(options, [Output("output", options.output, ("answers",))], read)
    report = in_transaction(spark, written, work)

Before the work the outputs are locked, and what a killed run has left is put in place or cleared up. The work changes
nothing that readers see. What it has put is put in place after it, by one commit, which does everything or nothing.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pyspark.sql import SparkSession

from elmo_udf.cleanup import afterwards
from elmo_udf.errors import UserError
from elmo_udf.formats import SIDECAR, numbered
from elmo_udf.secrets import without_secrets
from elmo_udf.spark import changes, files
from elmo_udf.spark.metadata import FORMAT
from elmo_udf.spark.outputs import intent, steps
from elmo_udf.spark.outputs.addresses import Address
from elmo_udf.spark.outputs.command import Command, command_of
from elmo_udf.spark.outputs.content import check_content
from elmo_udf.spark.outputs.lock import RENEWED_EVERY_S, Lock, take
from elmo_udf.spark.outputs.owners import Owner
from elmo_udf.spark.outputs.steps import Step
from elmo_udf.spark.outputs.written import Places, Written, resolve
from elmo_udf.spark.repeated import repeated
from elmo_udf.spark.tables import read_sidecar

Options = TypeVar("Options")


@dataclass(frozen=True)
class _Put:
    """A staged folder that the next commit makes an output, or a part of one."""

    staged: str
    target: str
    kept: Collection[str]
    """Files of the output that stay, as paths in it."""
    sidecar: dict[str, Any] | None
    """What its ``_elmo.json`` will say; None where that of the output stays, or where there is none."""


@dataclass
class Transaction:
    """What a run has while it writes: its outputs, by the names of their options, and folders to stage them in."""

    spark: SparkSession
    written: Written
    places: Places
    lock: Lock
    command: Command | None = None
    """None where a repeated run does the same again, and where it is a part of another run."""
    inside: str = ""
    """Of an inner run: the name of the folders in which it stages."""
    puts: list[_Put] = field(default_factory=list)
    """What the next commit will put in place, and :attr:`more`, what else it will do."""
    more: list[Step] = field(default_factory=list)

    def folder(self, name: str) -> str:
        """Returns a folder for what is staged for an output or file. Readers skip its name."""
        address = self._address(name)
        if address in self.lock.indexes:
            path = f"{address.work_folder}/{self.lock.owner.token}{self.inside}"
        else:  # an inner run's, in what the outer one stages
            path = f"{address.parent}{self.inside}/{address.name}"
        changes.make_folder(self.spark, path)
        return path

    def file(self, name: str) -> Path:
        """Returns where a file of this machine is staged that :meth:`put_files` puts in place."""
        return Path(self.folder(name).removeprefix("file:")) / self._address(name).name

    def is_there(self, name: str) -> bool:
        """Returns whether there is something at an output."""
        return bool(files.list_names(self.spark, self._address(name).uri))

    def put_table(self, name: str, staged: str, sidecar: dict[str, Any]) -> None:
        """Makes the staged folder the output, or with mode append and incremental a part of the one that is there.

        Raises UserError if mode is error and somebody has made the output meanwhile. The staged one is kept then.
        """
        output, mode = self._address(name).uri, self._mode(name)
        if self.is_there(name) and mode in ("append", "incremental"):
            said = read_sidecar(self.spark, output)
            entries = None if said is not None and mode == "incremental" else said or sidecar
            self.puts.append(_Put(staged, output, files.all_files(self.spark, output), entries))
            return
        changes.write_text(self.spark, f"{staged}/_SUCCESS", "")
        self.put_folder(name, staged, sidecar)

    def put_folder(self, name: str, staged: str, sidecar: dict[str, Any]) -> None:
        """Makes the staged folder, table or not, the output. Raises UserError as :meth:`put_table` does."""
        output = self._address(name).uri
        if self.is_there(name) and self._mode(name) == "error":
            kept = f"{output}-{uuid.uuid4().hex[:12]}"
            changes.move(self.spark, staged, kept)
            raise UserError(
                f"{name} {output!r} was made by somebody else meanwhile; the result of this run is {kept!r}"
            )
        self.puts.append(_Put(staged, output, (), sidecar))

    def replace_folders(self, name: str, staged: str, folders: Collection[str]) -> None:
        """Replaces these folders (paths in it) of a table in partitions by staged ones, or by nothing."""
        there = files.all_files(self.spark, self._address(name).uri)
        self.replace_files(name, staged, [one for one in there if one.rpartition("/")[0] in folders])

    def replace_files(self, name: str, staged: str, old: Collection[str]) -> None:
        """Replaces the files ``old`` (paths in it) of a table by the staged ones."""
        output, gone = self._address(name).uri, set(old)
        kept = [one for one in files.all_files(self.spark, output) if one not in gone]
        self.puts.append(_Put(staged, output, kept, None))

    def staged_files(self) -> dict[str, str]:
        """Returns paths on this machine at which requested files are staged, by the names of their options."""
        return {name: str(self.file(name)) for name in self.places.files}

    def staged(self, options: Options) -> Options:
        """Returns the options, with the paths at which files are staged in place of their own."""
        return replace(options, **self.staged_files())  # type: ignore[type-var]

    def put_files(self) -> None:
        """Makes the staged files replace those that may be there."""
        for name, address in self.places.files.items():
            if self.file(name).exists():
                self.more.append(steps.Move(f"file:{self.file(name)}", address.uri))

    def remove(self, name: str) -> None:
        """Removes the output with everything in it."""
        self.more.append(steps.Delete(self._address(name).uri))

    def commit(self, report: dict[str, Any] | None = None) -> None:
        """Puts in place everything that was put since the last commit, or nothing if the run ends here.

        ``report`` is what a repeated run of the same command returns. Raises ``intent.Unfinished`` if the commit could
        be begun, but not ended: the next run ends it.
        """
        puts, more = self.puts, self.more
        self.puts, self.more = [], []
        run = self.command.as_json(report) if self.command is not None else {}
        for one in puts:
            if one.sidecar is not None:
                self._write_sidecar(one, run if self.command is not None and self.command.lasts else {})
        todo = [step for one in puts for step in steps.become(self.spark, one.staged, one.target, one.kept)]
        intent.commit(self.spark, self.lock, todo + more, run)

    def _write_sidecar(self, put: _Put, run: dict[str, Any]) -> None:
        said = {name: value for name, value in (put.sidecar or {}).items() if name != "run"} | numbered(FORMAT)
        said = without_secrets(said | ({"run": run} if run else {}))
        changes.write_text(self.spark, f"{put.staged}/{SIDECAR}", json.dumps(said, indent=2, default=str) + "\n")

    @contextmanager
    def inner(self, written: Written) -> Iterator[Transaction]:
        """Opens a part of this run that writes other outputs: tables in what is staged, or outputs of this run."""
        staged = [Address(f"{one.work_folder}/{self.lock.owner.token}") for one in self.lock.indexes]
        places = resolve(self.spark, written, staged)
        for address in places.outputs.values():
            assert address in self.lock.indexes or any(one.holds(address) for one in staged), address
        check_content(self.spark, written, places)
        yield Transaction(self.spark, written, places, self.lock, inside=f"/_inner-{uuid.uuid4().hex[:12]}")

    def _address(self, name: str) -> Address:
        return self.places.outputs[name] if name in self.places.outputs else self.places.files[name]

    def _mode(self, name: str) -> str:
        return next(one.mode for one in self.written.outputs if one.name == name) or self.written.mode


def in_transaction(
    spark: SparkSession,
    written: Written,
    work: Callable[[Transaction], dict[str, Any]],
    within: Transaction | None = None,
) -> dict[str, Any]:
    """Does ``work``, which writes what ``written`` says, as one run. Returns its report.

    If an earlier run of the same command has done it already, nothing is done, and the report is that of this run. No
    other run can write the outputs meanwhile. Raises UserError, before any work, for what may not be written, and if
    another run is writing one of the outputs. A dry run is checked, and has nothing to stage in.
    """
    if within is not None:
        with within.inner(written) as run:
            report = work(run)
            run.commit()
        return report
    places = resolve(spark, written)
    if written.dry_run or not places.written:
        check_content(spark, written, places)
        return work(Transaction(spark, written, places, Lock(spark, Owner(""))))
    with locked(spark, places) as (lock, recovered):
        command = command_of(spark, written, places) if written.mode in ("error", "append") else None
        if command is not None and (done := _done(spark, places, command, recovered)) is not None:
            return {"done_already": "an earlier run of this command has written all of it"} | done
        check_content(spark, written, places)
        run = Transaction(spark, written, places, lock, command)
        report = work(run)
        run.commit(report)
    return report


@contextmanager
def locked(spark: SparkSession, places: Places) -> Iterator[tuple[Lock, list[dict[str, Any]]]]:
    """Holds all outputs while the block runs. Yields the lock, and the runs whose commits it has ended first."""
    lock = take(spark, places.written)
    with repeated("lock", RENEWED_EVERY_S, lock.renew), afterwards(lambda: _end(spark, lock)):
        yield lock, intent.recover(spark, lock)


def _done(
    spark: SparkSession, places: Places, command: Command, recovered: list[dict[str, Any]]
) -> dict[str, Any] | None:
    """Returns the report of an earlier run of the command that has put everything in place, or None."""
    first = next(iter(places.outputs.values()), None)
    said = None
    if first is not None and command.lasts:
        with suppress(UserError):  # what is wrong with the table is said later
            said = (read_sidecar(spark, first.uri) or {}).get("run")
    runs = [*recovered, said] if isinstance(said, dict) else recovered
    return next((command.report_in(run) for run in runs if command.is_that_of(run)), None)


def _end(spark: SparkSession, lock: Lock) -> None:
    if lock.indexes and files.exists(spark, intent.path_of(lock)):
        lock.owner.end()  # a commit that has begun is ended by the next run, with what is staged
    else:
        lock.release()
