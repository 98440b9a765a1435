"""A standalone cluster of Spark's own daemons, each a process of this machine, for as long as a block runs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark

SPARK_HOME = Path(pyspark.__file__).parent
SUBMIT = SPARK_HOME / "bin" / "spark-submit"
BARE = {
    "PATH": "/usr/bin:/bin",
    "JAVA_HOME": os.environ.get("JAVA_HOME", ""),
    "SPARK_HOME": str(SPARK_HOME),
    "SPARK_LOCAL_IP": "127.0.0.1",
    "LANG": "C.UTF-8",
}
"""All the environment that a daemon gets: nothing of this process, which has an environment of Python packages."""
if not BARE["JAVA_HOME"]:
    del BARE["JAVA_HOME"]


@dataclass(frozen=True)
class Cluster:
    """Where a cluster is reached, and where its executors have their folders."""

    master: str
    work: Path


@contextmanager
def standalone(
    folder: Path, n_workers: int, cores: int = 1, environment: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """A master and workers of ``cores`` cores each, with logs below ``folder``; ``environment`` is added to BARE."""
    variables = {**BARE, **(environment or {})}
    with ExitStack() as daemons:
        start = ["--host", "127.0.0.1", "--port", "0", "--webui-port", "0"]
        name = "org.apache.spark.deploy.master.Master"
        log = daemons.enter_context(daemon(folder / "master", name, start, variables))
        master = wait_for(log, r"Starting Spark master at (spark://\S+)")
        for i in range(n_workers):
            work = folder / "work" / str(i)
            start = ["--host", "127.0.0.1", "--port", "0", "--webui-port", "0", "--cores", str(cores)]
            start += ["--memory", "8g", "--work-dir", str(work), master]
            name = "org.apache.spark.deploy.worker.Worker"
            log = daemons.enter_context(daemon(folder / f"worker-{i}", name, start, variables))
            wait_for(log, r"Successfully registered with master")
        yield Cluster(master, folder / "work")


@contextmanager
def daemon(folder: Path, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[Path]:
    """A process of Spark's class ``name`` in a new ``folder``; gives the file of its log."""
    folder.mkdir(parents=True)
    path = folder / "log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            [str(SPARK_HOME / "bin" / "spark-class"), name, *arguments],
            env={**environment, "SPARK_LOCAL_DIRS": str(folder / "local")},
            cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        yield path
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # its own group, and with it the executors that it has started
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(log: Path, pattern: str, timeout_s: float = 60) -> str:
    """The first group of what the log says, or all of it, once it says so. AssertionError after ``timeout_s``."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := re.search(pattern, log.read_text(errors="replace")):
            return found[found.re.groups and 1]
        time.sleep(0.2)
    raise AssertionError(f"{log} does not say {pattern!r}: {log.read_text(errors='replace')[-2000:]}")


def submit(
    root: Path,
    cluster: Cluster,
    script: Path | str,
    *arguments: object,
    settings: Sequence[str] = (),
    properties: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """spark-submit of a script, with this Python and the library of the checkout, in which relative paths are.

    What a script says on stderr is in ``stdout``: spark-submit brings both together.
    """
    flags = ["--master", cluster.master, *(["--properties-file", str(root / properties)] if properties else [])]
    for setting in ("spark.ui.enabled=false", "spark.driver.memory=1g", "spark.cores.max=2", *settings):
        flags += ["--conf", setting]
    flags += ["--conf", f"spark.pyspark.python={sys.executable}"]
    return subprocess.run(
        [str(SUBMIT), *flags, str(root / script), *map(str, arguments)],
        env={**BARE, "PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
