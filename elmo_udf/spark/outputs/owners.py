"""Says who a folder of staged files belongs to: files that name a process, and whether that process is gone."""

from __future__ import annotations

import json
import os
import re
import socket
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from elmo_udf.errors import ResourceError, UserError
from elmo_udf.spark import changes, files

GONE_AFTER_S = 600.0
"""An owner on another machine that has not renewed its file for so long is taken to be gone."""

_tokens_of_this_process: set[str] = set()
"""Of the runs that this process has begun and not ended: one that failed to clean up must not keep others out."""


@dataclass(frozen=True)
class Owner:
    """What an owner's file says, whatever is in it: the text of a process, or of something else."""

    text: str

    @staticmethod
    def this_process(outputs: Sequence[str], first: str) -> Owner:
        """Returns a new run of this process, which holds ``outputs`` (addresses). ``first`` is where its intent is."""
        said = {
            "token": uuid.uuid4().hex,
            "host": socket.gethostname(),
            "machine": _machine(),
            "pid": os.getpid(),
            "process_started": _started(os.getpid()),
            "since": time.strftime("%Y-%m-%d %H:%M:%S"),
            "outputs": list(outputs),
            "first": first,
        }
        return Owner(json.dumps(said))

    @cached_property
    def _said(self) -> dict[str, Any]:
        try:
            said = json.loads(self.text)
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}

    @property
    def token(self) -> str:
        """Names the run, and its folder; empty where the file does not say it."""
        token = self._said.get("token")
        return token if isinstance(token, str) and re.fullmatch("[0-9a-f]{32}", token) else ""

    @property
    def outputs(self) -> list[str]:
        """The addresses of all that the run writes, in the order in which they are locked."""
        outputs = self._said.get("outputs")
        return [one for one in outputs if isinstance(one, str)] if isinstance(outputs, list) else []

    @property
    def first(self) -> str:
        """The address of the output beside which the run writes what it is going to do."""
        return str(self._said.get("first"))

    def begin(self) -> None:
        """Remembers that the run is at work in this process."""
        _tokens_of_this_process.add(self.token)

    def end(self) -> None:
        """Remembers that the run is over, whether it has cleaned up or not."""
        _tokens_of_this_process.discard(self.token)

    def is_gone(self, spark: SparkSession, path: str) -> bool:
        """Returns whether the process has ended. On another machine, the age of its file at ``path`` decides."""
        if not self.token:  # an owner's file is whole when it appears: this is none
            return True
        pid = self._said.get("pid")
        if self._said.get("machine") == _machine() and isinstance(pid, int) and pid > 0:
            is_other = self._said.get("process_started") != _started(pid)
            return is_other or (pid == os.getpid() and self.token not in _tokens_of_this_process)
        return _is_old(spark, path)

    def __str__(self) -> str:
        """Returns the owner as messages name it."""
        with suppress(KeyError):
            return f"process {self._said['pid']} of {self._said['host']}, since {self._said['since']}"
        return "that is unknown"


def _is_old(spark: SparkSession, path: str) -> bool:
    """Returns whether a file has not been renewed for long. Another file, written beside it, tells the time.

    A file from the future is old too: an owner that lived would have renewed it.
    """
    if not files.exists(spark, path):
        return True
    probe = f"{path}-{uuid.uuid4().hex}"
    try:
        changes.write_text(spark, probe, "")
        age = files.age_s(spark, path) - files.age_s(spark, probe)
        changes.delete(spark, probe)
    except (UserError, ResourceError):  # one of them has just gone, or none can be written
        return False
    return abs(age) > GONE_AFTER_S


def _machine() -> str:
    """Returns a name for this host since its start, and for the namespace of its process ids."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _started(pid: int) -> str | None:
    """Returns when a process of this machine started, in ticks since the boot, or None if there is none."""
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
