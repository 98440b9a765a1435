"""Runs one worker's part of a training in a process of its own.

TensorFlow joins a cluster only once in the life of a process, but Spark reuses its Python workers for the next
training, and for the next attempt of a failed task. So every attempt of a task starts a process, which ends with the
task's worker. No two processes of one rank work in the same folder.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elmo_udf.errors import UserError
from elmo_udf.training.folder import Work
from elmo_udf.training.loop import Progress
from elmo_udf.training.options import TrainOptions


@dataclass(frozen=True)
class Part:
    """Everything that a process needs to know."""

    work: Work
    options: TrainOptions
    addresses: Sequence[str]
    """The host:port of every process, by rank."""
    rank: int
    threads: int


def train_apart(part: Part) -> Progress:
    """Starts a process for ``part`` and waits for its end. Returns its progress.

    Raises UserError if the process has raised one, and RuntimeError if it has failed otherwise.
    """
    with tempfile.TemporaryDirectory(prefix="elmo-training-", ignore_cleanup_errors=True) as folder:
        asked, answered = Path(folder) / "asked", Path(folder) / "answered"
        asked.write_bytes(pickle.dumps(part))
        path = {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        command = [sys.executable, "-m", __name__, str(asked), str(answered)]
        # What the daemon of Python workers writes to stdout is read by Spark. The pipe to stdin ends with this process.
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr, env=os.environ | path) as process:
            process.wait()
        answer = pickle.loads(answered.read_bytes()) if answered.exists() else None
    if isinstance(answer, UserError):
        raise answer
    if not isinstance(answer, Progress):
        raise RuntimeError(f"training process {part.rank} ended with {process.returncode}; its stderr says more")
    return answer


def _train(part: Part) -> Progress | UserError:
    from elmo_udf.network.runtime import start_tensorflow
    from elmo_udf.training.cluster import Together
    from elmo_udf.training.loop import Training

    with (part.work.root / f"process-{part.rank}").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # of an attempt that was given up, and may live for seconds
        start_tensorflow(part.threads)
        try:
            return Training(part.work, part.options, Together(part.addresses, part.rank)).run()
        except UserError as error:
            return error


def _end_with_stdin() -> None:
    os.read(0, 1)  # at its end: nothing is ever written
    os.kill(os.getpid(), 9)  # TensorFlow may be waiting for others in a call that nothing interrupts


def _main(asked: str, answered: str) -> None:
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    answer = _train(pickle.loads(Path(asked).read_bytes()))
    unfinished = Path(f"{answered}.tmp")
    unfinished.write_bytes(pickle.dumps(answer))
    unfinished.replace(answered)


if __name__ == "__main__":
    _main(*sys.argv[1:])
