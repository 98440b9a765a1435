"""Runs a job as a command: parses its options, and produces its exit code, summary and report."""

from __future__ import annotations

import io
import logging
import os
import platform
import sys
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from elmo_udf.cleanup import afterwards
from elmo_udf.errors import ReportInTheWay, printable, resource_error_in, user_error_in
from elmo_udf.flags import parse
from elmo_udf.report import check_report, write_report
from elmo_udf.secrets import without_secrets
from elmo_udf.version import __version__

log = logging.getLogger(__name__)

_PACKAGES = ("pyspark", "pyarrow", "numpy", "pandas", "tensorflow")

Work = Callable[..., dict[str, Any]]
"""A job of the library: a function that takes a Spark session and options, and returns a report."""


def run_job(
    work: Work,
    options_class: type,
    description: str | None,
    argv: Sequence[str] | None = None,
    *,
    whole_machine: bool = False,
    converses: bool = False,
) -> int:
    """Runs a job with the options in ``argv``, prints its summary and writes its report. Returns the exit code.

    The code is 0 for success, 2 for a mistake of the user (printed as one line), and 1 for anything else. It is also 1
    if the report has another ``status`` than ``ok``, which means that a check did not pass; the summary is printed
    then.

    Args:
        whole_machine: Whether a task takes all cores in local mode, so that one Python worker with one model serves
            them all.
        converses: Whether the work takes ``lines``, those of standard input, and ``say``, which prints a report at
            once.
    """
    work = partial(work, lines=prompted("text> "), say=say) if converses else work
    started = time.time()
    run_id = uuid.uuid4().hex[:12]
    report: dict[str, Any] = {"job": Path(sys.argv[0]).stem, "run_id": run_id, "version": __version__}
    options: Any = None
    may_report = False
    try:
        options = parse(options_class, sys.argv[1:] if argv is None else argv, description or "")
        if options.report is not None:
            check_report(options.report)
            may_report = True
        _start_logging(options.log_level, run_id)
        report |= {"status": "ok", "dry_run": options.dry_run} | _in_session(
            work, options, str(report["job"]), whole_machine
        )
        code = 0 if report["status"] == "ok" else 1
    except Exception as error:
        code, said = _failed(error)
        report |= said
        may_report = may_report and not isinstance(error, ReportInTheWay)
    report["seconds"] = round(time.time() - started, 3)
    if may_report:
        about = {"options": vars(options), "versions": versions()}
        code = code if _reported(options.report, without_secrets(report | about)) else code or 1
    if "error" not in report:
        _print(summary(without_secrets(report)))
    return code


def _failed(error: Exception) -> tuple[int, dict[str, Any]]:
    """Says on stderr what went wrong. Returns the exit code and entries of the report."""
    if mistake := user_error_in(error):
        code, status, said = 2, "refused", str(mistake)
    elif refusal := resource_error_in(error):
        code, status, said = 1, "failed", str(refusal)
        log.debug("the job failed", exc_info=True)
    else:
        log.exception("the job failed")
        return 1, {"status": "failed", "error": str(error).split("\n", 1)[0]}
    print(f"error: {without_secrets(said)}", file=sys.stderr)
    return code, {"status": status, "error": said}


def summary(report: dict[str, Any]) -> str:
    """Returns the report as a readable table: names and values, then lists of rows with their headings."""
    said = {name: value for name, value in report.items() if value is not False and value not in ("", None, {})}
    rows = {name: value for name, value in said.items() if not _is_rows(value)}
    width = max(map(len, rows))
    lines = [f"{name:<{width}}  {_shown(value)}" for name, value in rows.items()]
    for name, value in said.items():
        if _is_rows(value):
            lines += ["", name, *_table(value)]
    return "\n".join(lines)


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that affect results."""
    return {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    """Returns the version of an installed package.

    A pyspark that comes with a cluster is not installed as a package, so the module is asked for its version.
    """
    try:
        return version(package)
    except PackageNotFoundError:
        return str(getattr(sys.modules.get(package), "__version__", "unknown"))


def say(report: dict[str, Any]) -> None:
    """Prints a report at once, while the job continues."""
    print(summary(without_secrets(report)), end="\n\n", flush=True)


def prompted(prompt: str) -> Iterator[str]:
    """Yields the lines of standard input, reading each one when it is needed.

    If a person types them, it prints the prompt before each one. Bytes that are invalid in the encoding become
    surrogates (PEP 383), and raise no error.
    """
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    while True:
        if sys.stdin.isatty():
            print(prompt, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        yield line


def _in_session(work: Work, options: Any, name: str, whole_machine: bool) -> dict[str, Any]:
    """Runs the work in the existing session, or in a new one that it stops afterwards."""
    from elmo_udf.spark.session import job_session  # after the flags are known to be good: starting Spark takes seconds

    spark, is_ours = job_session(name, whole_machine)
    with afterwards(spark.stop if is_ours else lambda: None):
        return work(spark, options)


def _start_logging(level: str, run_id: str) -> None:
    line_format = f"%(asctime)s {run_id} %(levelname)s %(message)s"
    logging.basicConfig(level="WARNING", stream=sys.stderr, force=True)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_Lines(line_format))
    logging.getLogger("elmo_udf").setLevel(level)
    warnings.filterwarnings(
        "ignore", message="PySpark does not yet fully support pandas"
    )  # what is used here is tested


class _Lines(logging.Formatter):
    """Log lines without secrets, and without the control characters of a model's note or of a path."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = printable(record.message)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        return str(without_secrets(super().format(record)))


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return printable(str(value))


def _table(rows: list[dict[str, Any]]) -> list[str]:
    names = list(rows[0])
    cells = [[f"{row[name]:.6f}" if name == "cosine" else printable(str(row[name])) for name in names] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in cells)) for i, name in enumerate(names)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in [names, *cells]]


def _reported(path: str, report: dict[str, Any]) -> bool:
    try:
        write_report(path, report)
    except OSError as error:
        print(f"error: report {path!r} can't be written: {error.strerror}; give another path", file=sys.stderr)
        return False
    return True


def _print(text: str) -> None:
    """Prints the summary. If nobody reads it, as behind ``| head``, the work is done all the same."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains as it ends
