"""Reads the variables of TensorFlow checkpoints in a process of their own.

TensorFlow's reader is C++ code that aborts the whole process at some damaged files. So a child process reads them, and
hands the variables over in an .npz file.

In a checkpoint of TF1, variables are stored under their names. In one of TF2, the keys describe the position of an
object in the program that wrote it (``variables/3/.ATTRIBUTES/VARIABLE_VALUE``). The object graph, which the checkpoint
also contains, has the name of each variable.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from elmo_udf import npz
from elmo_udf.errors import UserError
from elmo_udf.models.archives import MAX_BYTES
from elmo_udf.models.variables import is_of_training

OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
NAMES, ERROR = "names", "error"
"""What the child's file holds beside the variables: their names as JSON, or the message of a UserError."""

ANSWERED = b"answered\n"
IDLE, IDLE_S = "ended because nobody asked", 20


def read_checkpoint(prefix: Path, where: str, max_bytes: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """Returns the variables of the checkpoint whose files begin with ``prefix``, by name, without those of training.

    Raises UserError, which begins with ``where``, if it can't be read.
    """
    with tempfile.TemporaryDirectory(prefix="elmo-checkpoint-", ignore_cleanup_errors=True) as folder, _asking:
        answer = Path(folder) / "answer.npz"
        question: list[str | int] = [str(prefix), str(answer), where, max_bytes]
        ended = _ask(question)
        if ended == IDLE:
            ended = _ask(question)
        if ended:
            raise UserError(
                f"{where}: TensorFlow's reader of checkpoints {ended}; expected a complete checkpoint; fetch the model "
                "again"
            )
        arrays = npz.read(answer)
    if ERROR in arrays:
        raise UserError(arrays[ERROR].tobytes().decode())
    names = json.loads(arrays[NAMES].tobytes())
    return {name: arrays[str(i)] for i, name in enumerate(names)}


class _Child:
    """A process that reads checkpoints."""

    def __init__(self) -> None:
        """Starts the process. It finds the same packages, and needs no GPU."""
        path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path if entry)
        environment = {**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "-1"}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it is open as long as the process runs
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, str(IDLE_S)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )

    def answers(self, question: list[str | int]) -> bool:
        """Returns whether the process answered a question. If it did not, it has ended."""
        assert self._process.stdin and self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        return self._process.stdout.readline() == ANSWERED

    def end(self) -> str:
        """Ends the process and returns how it ended: by which signal or exit code, and what it said last."""
        assert self._process.stdin and self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        code = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").splitlines()
        self._log.close()
        if not code:
            return IDLE
        said = next((line for line in lines if "Check failed" in line), lines[-1] if lines else "nothing")
        how = f"ended with {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"{how} ({said[-300:]})"


_asking = threading.Lock()
_children: list[_Child] = []
"""The child process, if there is one. It ends by itself IDLE_S seconds after the last question."""


def _ask(question: list[str | int]) -> str:
    """Lets a child process answer. Returns an empty string, or how the child ended without an answer."""
    child = _children.pop() if _children else _Child()
    if not child.answers(question):
        return child.end()
    _children.append(child)
    return ""


@atexit.register
def _stop() -> None:
    while _children:
        _children.pop().end()


def _serve(questions: IO[bytes], answers: IO[bytes], idle_s: float) -> None:
    """Answers one question a line until the parent ends, or asks nothing for ``idle_s`` seconds."""
    while select.select([questions], [], [], idle_s)[0] and (line := questions.readline()):
        _answer(*json.loads(line))
        answers.write(ANSWERED)
        answers.flush()


def _text(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)


def _answer(prefix: str, answer: str, where: str, max_bytes: int) -> None:
    """Writes the variables of a checkpoint to the file ``answer``. It is what the child process does."""
    try:
        variables = _read(prefix, where, max_bytes)
        names = _text(json.dumps(list(variables)))
        arrays = {NAMES: names, **{str(i): value for i, value in enumerate(variables.values())}}
    except UserError as error:
        arrays = {ERROR: _text(str(error))}
    with Path(answer).open("wb") as file:
        npz.write(file, arrays)


def _read(prefix: str, where: str, max_bytes: int) -> dict[str, np.ndarray]:
    """Returns the variables of a checkpoint, in this process."""
    import tensorflow as tf

    try:
        checkpoint = tf.train.load_checkpoint(prefix)
        shapes = checkpoint.get_variable_to_shape_map()
        keys = _keys(checkpoint, shapes, where)
        n_bytes = 4 * sum(_size(shapes[key]) for key in keys.values())
        if n_bytes > max_bytes:
            raise UserError(
                f"{where}: the variables have {n_bytes} bytes, expected at most {max_bytes}; check where the model "
                "comes from, or raise --model-max-gib"
            )
        return {name: _plain(checkpoint.get_tensor(key)) for name, key in keys.items()}
    except UserError:
        raise
    except (tf.errors.OpError, ValueError, RuntimeError, LookupError, MemoryError) as error:
        raise UserError(
            f"{where}: the variables can't be read ({error}), expected a complete checkpoint; fetch the model again"
        ) from None


def _size(shape: list[int]) -> int:
    size = 1
    for extent in shape:  # in whole numbers of Python, which can't overflow
        size *= extent
    return size


def _plain(value: Any) -> np.ndarray:
    """Returns a variable in a type that numpy itself knows."""
    array = np.asarray(value)
    if array.dtype.kind == "V":  # bfloat16
        return array.astype(np.float32)
    return array.astype("S") if array.dtype.kind == "O" else array


def _keys(checkpoint: Any, shapes: dict[str, list[int]], where: str) -> dict[str, str]:
    """Returns the key in the checkpoint of every variable that vectors need, by the variable's full name."""
    if OBJECT_GRAPH not in shapes:
        found = {key.removesuffix(":0"): key for key in shapes}
    else:
        found = {name: key for name, key in _graph_keys(checkpoint, where).items() if key in shapes}
    return {name: key for name, key in found.items() if not is_of_training(name)}


def _graph_keys(checkpoint: Any, where: str) -> dict[str, str]:
    """Returns the keys of all variables in the object graph of a checkpoint, by their full names."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

    try:
        graph = TrackableObjectGraph.FromString(checkpoint.get_tensor(OBJECT_GRAPH))
    except (DecodeError, TypeError) as error:
        raise UserError(
            f"{where}: the names of the variables can't be read ({error}), expected a complete checkpoint; fetch the "
            "model again"
        ) from None
    keys: dict[str, str] = {}
    for attribute in (attribute for node in graph.nodes for attribute in node.attributes):
        name = attribute.full_name.removesuffix(":0") or attribute.checkpoint_key
        if attribute.name != "VARIABLE_VALUE":
            continue
        if keys.setdefault(name, attribute.checkpoint_key) != attribute.checkpoint_key:
            raise UserError(f"{where}: two variables are called {name}, expected one; export the model again")
    return keys


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer, float(sys.argv[1]))
