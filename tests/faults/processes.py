"""A job in processes of its own on local-cluster, and all of them in the process table."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

Value = TypeVar("Value")

MARK = "ELMO_FAULT_RUN"
JVM = os.environ["SPARK_SUBMIT_OPTS"]  # of tests/conftest.py
SETTINGS = (
    "spark.master=local-cluster[2,1,1536]",
    f"spark.driver.extraJavaOptions={JVM}",
    f"spark.executor.extraJavaOptions={JVM}",
    "spark.sql.shuffle.partitions=4",
)
LONGEST_WAIT_S = 300.0
POLL_S = 0.02


@dataclass(frozen=True)
class Job:
    """A job that was started, with the environment variable by which all its processes are known."""

    process: subprocess.Popen[str]
    mark: str
    port: int
    """Of Spark's own web pages, which tell of stages and tasks as JSON."""
    log: Path
    killed: list[int] = field(default_factory=list)

    def text(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def finish(self) -> int:
        """The exit code, once the job has ended and none of its processes is left."""
        code = self.process.wait(timeout=LONGEST_WAIT_S)
        self.clear()
        return code

    def clear(self) -> None:
        """End what is left of the job."""
        while pids := self.processes():
            for pid in pids:
                kill(pid)
            time.sleep(POLL_S)

    def processes(self, *words: str) -> list[int]:
        """Processes of this job whose command line has all these words, those that ended and left a record aside."""
        return [pid for pid in _all_pids() if self.mark in _read(pid, "environ") and _has(pid, words)]

    def executors(self) -> list[int]:
        return self.processes("java", "CoarseGrainedExecutorBackend")

    def workers(self) -> list[int]:
        """Python workers of the executors: what a daemon, of whatever module, has forked."""
        both = self.processes("pyspark.worker")
        return [pid for pid in both if _parent(pid) in both]

    def stages(self) -> list[dict[str, Any]]:
        """Spark's stages, as its web page tells them; none while it does not answer."""
        return self._ask("stages") or []

    def tasks(self, stage: dict[str, Any]) -> list[dict[str, Any]]:
        return self._ask(f"stages/{stage['stageId']}/{stage['attemptId']}/taskList?length=1000") or []

    def _ask(self, path: str) -> Any:
        root = f"http://127.0.0.1:{self.port}/api/v1/applications"
        with suppress(OSError, ValueError, LookupError):
            with urllib.request.urlopen(root, timeout=10) as answer:
                application = json.load(answer)[0]["id"]
            with urllib.request.urlopen(f"{root}/{application}/{path}", timeout=10) as answer:
                return json.load(answer)
        return None

    def wait_for(self, what: str, found: Callable[[], Value | None], poll_s: float = POLL_S) -> Value:
        """What ``found`` returns as soon as it is something; the job must be running until then."""
        end = time.monotonic() + LONGEST_WAIT_S
        while time.monotonic() < end:
            if value := found():
                return value
            if self.process.poll() is not None:
                raise AssertionError(f"the job ended before {what}:\n{self.text()[-3000:]}")
            time.sleep(poll_s)
        self.clear()
        raise AssertionError(f"no {what} in {LONGEST_WAIT_S} s:\n{self.text()[-3000:]}")

    def middle_of(self, n_tasks: int, at_least: int = 1) -> dict[str, Any]:
        """The stage of so many tasks, once some of them are done and some are not."""

        def found() -> dict[str, Any] | None:
            for stage in self.stages():
                done = stage["numCompleteTasks"]
                if stage["status"] == "ACTIVE" and stage["numTasks"] == n_tasks and at_least <= done < n_tasks - 1:
                    return stage
            return None

        return self.wait_for(f"the middle of a stage of {n_tasks} tasks", found, poll_s=0.1)


def start(root: Path, folder: Path, job: str, *arguments: str, settings: tuple[str, ...] = ()) -> Job:
    """A job as users start it: ``python jobs/x.py``, with Spark's settings in the environment."""
    mark, port = uuid.uuid4().hex, _free_port()
    conf = (*SETTINGS, *settings, f"spark.executorEnv.{MARK}={mark}", "spark.ui.enabled=true", f"spark.ui.port={port}")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYSPARK", "SPARK"))}
    environment["PYSPARK_SUBMIT_ARGS"] = " ".join(f"--conf {shlex.quote(s)}" for s in conf) + " pyspark-shell"
    environment[MARK] = mark
    log = folder / f"{job}-{mark[:6]}.log"
    command = [sys.executable, str(root / "jobs" / f"{job}.py"), *arguments]
    with log.open("w") as stream:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=stream, stderr=stream, text=True)
    return Job(process, mark, port, log)


def kill(pid: int, with_signal: signal.Signals = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, with_signal)


def is_alive(pid: int) -> bool:
    return _read(pid, "stat").rpartition(")")[2].split()[:1] not in ([], ["Z"])


def _all_pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal() and is_alive(int(path.name))]


def _has(pid: int, words: tuple[str, ...]) -> bool:
    command = _read(pid, "cmdline")
    return all(word in command for word in words)


def _parent(pid: int) -> int:
    return int((_read(pid, "stat").rpartition(")")[2].split() or ["", "0"])[1])


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text("utf-8", "replace")
    except OSError:
        return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
