"""Measurements in processes of their own, and programs to compare with in environments of their own.

    peer = Environment("simple-elmo", ("simple-elmo==0.9.2", "tensorflow==2.15.1", "numpy<2"))
    measured = run(peer.python(), "processes/layers_simple_elmo.py", {"folder": "some/model"})
    measured.result, measured.seconds, measured.peak_gib

Environments lie in ~/.cache/elmo-udf-benchmarks, outside of the checkout, and are made when first needed. The script's
function ``main`` takes the arguments by name and returns what JSON takes; whatever it prints goes to stderr.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CACHE = Path.home() / ".cache" / "elmo-udf-benchmarks"
COMPLETE = "packages.txt"
"""What ``pip freeze`` said when an environment was whole; without this file it is made again."""
SHOWN_LINES = 20
"""Of a failed process's stderr."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment of this Python version, told from others by its name and all that is installed in it."""

    name: str
    requirements: tuple[str, ...]
    alone: tuple[str, ...] = ()
    """Packages installed without what they depend on, after the others."""

    @property
    def folder(self) -> Path:
        """Where it is, or will be."""
        wanted = json.dumps([platform.python_version(), self.requirements, self.alone])
        return CACHE / f"{self.name}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"

    def python(self) -> Path:
        """Its interpreter; makes the environment where it is not there yet, which takes minutes and a package index."""
        interpreter = self.folder / "bin" / "python"
        if not (self.folder / COMPLETE).exists():
            print(f"making {self.folder}", file=sys.stderr, flush=True)
            shutil.rmtree(self.folder, ignore_errors=True)
            venv.create(self.folder, with_pip=True)
            pip = [str(interpreter), "-m", "pip"]
            for packages in ([*self.requirements], ["--no-deps", *self.alone] if self.alone else []):
                if packages:
                    subprocess.run([*pip, "install", "-qq", *packages], check=True, env=_environment({}))
            freeze = subprocess.run([*pip, "freeze"], check=True, env=_environment({}), capture_output=True, text=True)
            (self.folder / COMPLETE).write_text(freeze.stdout)
        return interpreter

    def versions(self, packages: Iterable[str]) -> dict[str, str]:
        """Versions of those of the ``packages`` that are installed."""
        lines = (line.partition("==") for line in (self.folder / COMPLETE).read_text().splitlines())
        installed = {name.lower().replace("_", "-"): version for name, _, version in lines}
        return {package: installed[package] for package in packages if package in installed}


@dataclass(frozen=True)
class Measured:
    """What a process gave, and what it took."""

    result: Any
    seconds: float
    """Of ``main``, without the start of the interpreter."""
    peak_gib: float
    """Most memory that the process itself had in use; what it started does not count."""


def run(
    python: Path | str, script: Path | str, arguments: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> Measured:
    """Call ``main`` of ``script`` (absolute, or relative to this folder) in a fresh process of the interpreter.

    ``environment``: variables to set besides those of this process. Raises RuntimeError with the end of its stderr
    where the process fails.
    """
    command = [str(python), str(Path(__file__).resolve()), str(HERE / script)]
    with tempfile.TemporaryFile("w+", errors="replace") as stderr:
        done = subprocess.run(
            command,
            input=json.dumps(arguments),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=_environment(environment or {}),
        )
        stderr.seek(0)
        said = stderr.read().splitlines()
    if done.returncode:
        raise RuntimeError("\n".join([f"{script} ended with {done.returncode}:", *said[-SHOWN_LINES:]]))
    return Measured(**json.loads(done.stdout))


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """This process's variables, without those that would lead another interpreter to this one's packages."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return {**kept, "TF_CPP_MIN_LOG_LEVEL": "2", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **more}


def machine() -> dict[str, Any]:
    """What the figures of a result depend on: processor, cores, memory, system."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = reversed(cpuinfo.read_text().splitlines()) if cpuinfo.exists() else []
    first = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}  # of the cores
    numbers = {name: int(first[name]) for name in ("cpu family", "model") if first.get(name, "").isdigit()}
    return {
        "processor": first.get("model name") or platform.processor() or platform.machine(),
        **numbers,  # where a virtual machine gives many processors one name
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _peak_gib() -> float:
    """Peak of this process's resident memory."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would count the process that started this one too
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30  # bytes, where there is no /proc


def _serve(script: Path) -> None:
    """Arguments from stdin, the result to stdout, as JSON; what the script prints to stdout joins its stderr."""
    with os.fdopen(os.dup(1), "w") as result:
        os.dup2(2, 1)
        arguments = json.load(sys.stdin)
        sys.path[0] = str(script.parent)
        spec = importlib.util.spec_from_file_location(script.stem, script)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        started = time.perf_counter()
        value = module.main(**arguments)
        seconds = time.perf_counter() - started
        json.dump({"result": value, "seconds": seconds, "peak_gib": round(_peak_gib(), 3)}, result)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
