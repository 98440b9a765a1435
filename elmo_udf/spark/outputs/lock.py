"""Lets one run at a time work on an output. A folder beside the output belongs to that run and holds what it stages.

The folder's files ``owner-0``, ``owner-1``, ... appear whole and are made exclusively; the last says whose it is. A run
that finds an owner that is gone makes the next one, which only one of several can. So there is nothing to clear up by
hand after a run was killed, and nothing else that could be out of step with the table.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from pyspark.sql import SparkSession

from elmo_udf.cleanup import if_it_fails
from elmo_udf.errors import ResourceError, UserError
from elmo_udf.spark import changes, files
from elmo_udf.spark.outputs.addresses import Address
from elmo_udf.spark.outputs.owners import GONE_AFTER_S, Owner

log = logging.getLogger(__name__)

RENEWED_EVERY_S = 60.0


@dataclass(frozen=True)
class Lock:
    """Outputs that are this run's until it releases them."""

    spark: SparkSession
    owner: Owner
    indexes: dict[Address, int] = field(default_factory=dict)
    """Of this run's owner's file beside each, in the order in which they were taken."""
    made: list[str] = field(default_factory=list)
    """Folders above the outputs that were not there before, the innermost first."""
    _guard: threading.Lock = field(default_factory=threading.Lock, compare=False)
    """A file that is being written again is not read here at the same time."""

    def check(self) -> None:
        """Raises RuntimeError if another run has taken over, because this one was held up for too long."""
        for address in self.indexes:
            if not self._is_ours(address):
                raise RuntimeError(
                    f"another run has taken over {address.uri!r}, since this one gave no sign of life for "
                    f"{GONE_AFTER_S:.0f} s; nothing more was put in place"
                )

    def _is_ours(self, address: Address) -> bool:
        with self._guard:
            owners = owners_of(self.spark, address)
        return bool(owners) and max(owners) == self.indexes[address] and owners[max(owners)].token == self.owner.token

    def renew(self) -> None:
        """Gives a sign of life to runs on other machines."""
        with suppress(Exception):  # tried again soon; what matters is checked before anything is put in place
            self.check()
            for address, index in self.indexes.items():
                with self._guard:
                    changes.renew_text(self.spark, _file(address, index), self.owner.text)

    def clear(self) -> None:
        """Deletes what runs that are gone have left beside the outputs, once none of it is needed any more."""
        for address, index in self.indexes.items():
            folder = address.work_folder
            for name in files.list_names(self.spark, folder):
                if name not in (_name(index), self.owner.token):
                    changes.delete(self.spark, f"{folder}/{name}")

    def release(self) -> None:
        """Deletes what this run has staged, then its owner's files; what others have left there stays."""
        for address, index in reversed(list(self.indexes.items())):
            changes.delete(self.spark, f"{address.work_folder}/{self.owner.token}")
            if self._is_ours(address):
                changes.delete(self.spark, _file(address, index))
            changes.delete_empty(self.spark, address.work_folder)
        for folder in self.made:
            changes.delete_empty(self.spark, folder)
        self.owner.end()


def take(spark: SparkSession, outputs: Sequence[Address]) -> Lock:
    """Locks ``outputs``, and all other outputs of runs that are gone. The intent will be beside the first of them.

    Runs that are gone count if they had one of ``outputs``. All runs lock in the same order, so that of two runs with
    common outputs one works and the other one is refused. Raises UserError if another run has one of them, and if one
    can't be locked.
    """
    wanted = sorted(set(outputs))
    while True:
        lock = Lock(spark, Owner.this_process([one.uri for one in wanted], outputs[0].uri))
        lock.owner.begin()
        with if_it_fails(lock.release):
            for address in wanted:
                lock.made[:0] = _missing(spark, address.parent)
                lock.indexes[address] = _take_one(spark, address, lock.owner)
            owners = [owner for address in wanted for owner in owners_of(spark, address).values()]
            more = {Address(uri) for owner in owners for uri in owner.outputs} - set(wanted)
        if not more:
            return lock
        lock.release()
        wanted = sorted(more.union(wanted))


def owners_of(spark: SparkSession, address: Address) -> dict[int, Owner]:
    """Returns the owners of an output by their numbers. The last one has it, the others are gone."""
    found = {}
    for name, is_folder in files.list_entries(spark, address.work_folder):
        if number := re.fullmatch("owner-(0|[1-9][0-9]*)", name):
            found[int(number[1])] = Owner("" if is_folder else _text(spark, f"{address.work_folder}/{name}"))
    return found


def _take_one(spark: SparkSession, address: Address, owner: Owner) -> int:
    """Returns the number of the owner's file that this call has made."""
    while True:
        owners = owners_of(spark, address)
        last = max(owners, default=None)
        if last is not None and not owners[last].is_gone(spark, _file(address, last)):
            changes.delete_empty(spark, address.work_folder)
            raise UserError(
                f"output {address.uri!r} is being written by another run ({owners[last]}); expected one run at a time; "
                f"wait for its end, or, if it can't be running any more, delete {_file(address, last)!r}"
            )
        index = 0 if last is None else last + 1
        try:
            changes.make_folder(spark, address.work_folder)
            made = changes.create_text(spark, _file(address, index), owner.text)
        except ResourceError as error:
            raise UserError(f"output {address.uri!r} can't be written: {error}") from None
        if not made:
            continue  # another was faster: see who it is
        if last is None:
            return index
        if _text(spark, _file(address, last)) == owners[last].text:
            log.warning("a run on %s was interrupted (%s); this one takes over", address.uri, owners[last])
            return index
        changes.delete(spark, _file(address, index))  # the one that was gone had a successor, which is done


def _missing(spark: SparkSession, folder: str) -> list[str]:
    """Returns the folder and those above it that do not exist, the innermost first."""
    found = []
    while not files.exists(spark, folder):
        found.append(folder)
        folder = files.parent(folder)
    return found


def _text(spark: SparkSession, path: str) -> str:
    """Returns the text of a file, which is empty if the file is missing or is not text."""
    with suppress(ValueError):
        return files.read_text(spark, path) or ""
    return ""


def _file(address: Address, index: int) -> str:
    return f"{address.work_folder}/{_name(index)}"


def _name(index: int) -> str:
    return f"owner-{index}"
