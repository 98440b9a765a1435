"""Ensures that one run at a time writes to an output.

A folder beside the output belongs to the run that has it, and contains what the run stages. Its files ``owner-0``,
``owner-1``, ... are created exclusively, and the last one names the owner. If a run finds that the owner is gone, it
creates the next file, which only one of several runs can. So nobody has to clean up after a run was killed, and no
other record can contradict the table.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from elmo_udf.cleanup import afterwards
from elmo_udf.errors import UserError
from elmo_udf.spark import files
from elmo_udf.spark.repeated import repeated

log = logging.getLogger(__name__)

RENEWED_EVERY_S = 60.0
GONE_AFTER_S = 600.0
"""An owner on another machine that has not renewed its file for this time is considered gone."""

_OWNER = "owner-"


@dataclass(frozen=True)
class Lock:
    """A held lock. ``folder`` belongs to this run until the lock is released."""

    spark: SparkSession
    output: str
    folder: str
    index: int
    owner: str
    _guard: threading.Lock = field(default_factory=threading.Lock, compare=False)
    """Prevents reading a file here while it is being written again."""

    @property
    def path(self) -> str:
        """The file that names the owner."""
        return f"{self.folder}/{_OWNER}{self.index}"

    def renew(self) -> None:
        """Renews the owner's file as a sign of life."""
        with self._guard:
            files.renew_text(self.spark, self.path, self.owner)

    def check(self) -> None:
        """Raises RuntimeError if another run has taken over, because this one did not respond for too long."""
        with self._guard:
            last = _last(self.spark, self.folder)
        if last is None or last[0] != self.index or _token(last[1]) != _token(self.owner):
            raise RuntimeError(
                f"another run has taken over output {self.output!r}, since this one gave no sign of life for "
                f"{GONE_AFTER_S:.0f} s; nothing more was put in place"
            )


@contextmanager
def locked(spark: SparkSession, output: str, folder: str) -> Iterator[Lock]:
    """Holds ``output`` while the block runs. Raises UserError if another run has it.

    It deletes what a killed run left in ``folder``, and deletes the folder at the end of the block.
    """
    lock = _take(spark, output, folder)
    with afterwards(lambda: _release(lock)):
        _delete_staged(spark, folder)
        with repeated("lock", RENEWED_EVERY_S, lambda: _renew(lock)):
            yield lock


def _take(spark: SparkSession, output: str, folder: str) -> Lock:
    owner = json.dumps(_this_process())
    while True:
        last = _last(spark, folder)
        if last is not None and not _is_gone(spark, f"{folder}/{_OWNER}{last[0]}", last[1]):
            raise UserError(
                f"output {output!r} is being written by another run ({_shown(last[1])}); expected one run at a time; "
                f"wait for its end, or, if it can't be running any more, delete {folder!r}"
            )
        index = 0 if last is None else last[0] + 1
        lock = Lock(spark, output, folder, index, owner)
        if not files.create_text(spark, lock.path, owner):
            continue  # another was faster: see who it is
        if last is None or files.read_text(spark, f"{folder}/{_OWNER}{last[0]}") == last[1]:
            if last is not None:
                log.warning("a run on %s was interrupted (%s); this one takes over", output, _shown(last[1]))
            return lock
        files.delete(spark, lock.path)  # the one that was gone had been succeeded, and its successor is done


def _release(lock: Lock) -> None:
    """Deletes what is staged, the owner files in order, and the folder, unless another run has it by now."""
    last = _last(lock.spark, lock.folder)
    if last is None or _token(last[1]) != _token(lock.owner):
        return
    _delete_staged(lock.spark, lock.folder)
    for index in range(lock.index + 1):
        files.delete(lock.spark, f"{lock.folder}/{_OWNER}{index}")
    files.delete_empty(lock.spark, lock.folder)


def _delete_staged(spark: SparkSession, folder: str) -> None:
    for name in files.list_names(spark, folder):
        if not name.startswith((_OWNER, f".{_OWNER}")):
            files.delete(spark, f"{folder}/{name}")


def _last(spark: SparkSession, folder: str) -> tuple[int, str] | None:
    """Returns the index and the text of the last owner file. The text is empty while the file is being written."""
    numbers = [name[len(_OWNER) :] for name in files.list_names(spark, folder) if name.startswith(_OWNER)]
    indexes = [int(number) for number in numbers if number.isdecimal()]
    if not indexes:
        return None
    text = files.read_text(spark, f"{folder}/{_OWNER}{max(indexes)}")
    return None if text is None else (max(indexes), text)


def _renew(lock: Lock) -> None:
    """Renews the owner's file, so that runs on other machines see it."""
    with suppress(Exception):  # tried again soon; what matters is checked before anything is put in place
        lock.check()
        lock.renew()


def _this_process() -> dict[str, Any]:
    return {
        "token": uuid.uuid4().hex,
        "host": socket.gethostname(),
        "machine": _machine(),
        "pid": os.getpid(),
        "process_started": _started(os.getpid()),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _is_gone(spark: SparkSession, path: str, owner: str) -> bool:
    """Returns whether the owner's process has ended, by its process id on this machine, or else by the file's age."""
    try:
        said = json.loads(owner)
    except ValueError:  # about to be written, or left so by a kill at that very moment
        said = {}
    if said.get("machine") == _machine():
        return bool(said.get("process_started") != _started(int(said["pid"])))
    with suppress(UserError):
        return files.age_s(spark, path) > GONE_AFTER_S
    return True


def _machine() -> str:
    """Returns a name for this host since its last start, and for the namespace of its process ids."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _started(pid: int) -> str | None:
    """Returns the start of a process on this machine in ticks since boot, or None if there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except OSError:
        pass
    if Path("/proc/self").exists():
        return None
    try:
        os.kill(pid, 0)  # asks only
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "unknown"


def _token(owner: str) -> str:
    with suppress(ValueError, AttributeError):
        return str(json.loads(owner).get("token", ""))
    return ""


def _shown(owner: str) -> str:
    with suppress(ValueError, KeyError):
        said = json.loads(owner)
        return f"process {said['pid']} of {said['host']}, since {said['since']}"
    return "that is just starting"
