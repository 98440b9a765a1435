"""Implements the command ``elmo-udf``, which runs the jobs of an installed package."""

from __future__ import annotations

import ast
import difflib
import runpy
import sys
from pathlib import Path

from elmo_udf.version import __version__

_HELP = ("-h", "--help")


def main() -> int:
    """Runs ``elmo-udf JOB OPTIONS`` as ``python jobs/JOB.py OPTIONS``, and returns the exit code.

    ``elmo-udf path JOB`` prints the path of the file for spark-submit. Without arguments, it prints the names of the
    jobs.
    """
    first, *others = sys.argv[1:] or ["--help"]
    files = job_files()
    if first in _HELP:
        print(usage(files))
        return 0
    if first == "--version":
        print(f"elmo-udf {__version__}")
        return 0
    is_path = first == "path"
    job = (others[0] if others else "") if is_path else first
    if job not in files:
        near = difflib.get_close_matches(job, files, n=1)
        advice = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(files)}; see elmo-udf --help"
        print(f"error: job {job!r} is unknown; {advice}", file=sys.stderr)
        return 2
    if is_path:
        print(files[job])
        return 0
    sys.argv = [str(files[job]), *others]
    runpy.run_path(sys.argv[0], run_name="__main__")  # it exits with the code of the job
    return 0


def job_files() -> dict[str, Path]:
    """Returns the files of the jobs by name: in the installed package, or in the checkout."""
    package = Path(__file__).resolve().parent
    folder = next((path for path in (package / "jobs", package.parent / "jobs") if path.is_dir()), package)
    return {path.stem: path for path in sorted(folder.glob("*.py"))}


def usage(files: dict[str, Path]) -> str:
    """Returns how the command is used, and the first line of each job's help."""
    width = max(map(len, files), default=0)
    lines = [f"  {name:<{width}}  {_first_line(path)}" for name, path in files.items()]
    return "\n".join(
        [
            "usage: elmo-udf JOB [options]    run a job on this machine",
            "       elmo-udf JOB --help       show the options of a job",
            "       elmo-udf path JOB         print the file of a job, for spark-submit",
            "       elmo-udf --version        print the version",
            "",
            "jobs:",
            *lines,
        ]
    )


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]
