"""Runs a job as a command: options in, exit code and report out."""

from __future__ import annotations

import json
import logging
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from elmo_udf.errors import UserError
from elmo_udf.flags import parse
from elmo_udf.version import __version__

log = logging.getLogger(__name__)


def run_job(job: Callable[[Any], dict[str, Any]], options_class: type, argv: Sequence[str] | None = None) -> int:
    """Parse, run, report; the exit code: 0 done, 2 a mistake of the user's (one line on stderr), 1 anything else."""
    started = time.time()
    report: dict[str, Any] = {"job": Path(sys.argv[0]).stem, "run_id": uuid.uuid4().hex[:12], "version": __version__}
    options = None
    try:
        options = parse(options_class, sys.argv[1:] if argv is None else argv, job.__doc__ or "")
        logging.basicConfig(
            level=options.log_level,
            stream=sys.stderr,
            format=f"%(asctime)s {report['run_id']} %(levelname)s %(message)s",
        )
        logging.getLogger("py4j").setLevel(logging.WARNING)
        report |= {"status": "ok", "options": vars(options)} | job(options)
        code = 0
    except UserError as error:
        line = " ".join(str(error).split())
        print(f"error: {line}", file=sys.stderr)
        report |= {"status": "refused", "error": line}
        code = 2
    except Exception as error:
        log.exception("the job failed")
        report |= {"status": "failed", "error": str(error).split("\n", 1)[0]}
        code = 1
    report["seconds"] = round(time.time() - started, 3)
    return code if _write_report(options, report) else code or 2


def _write_report(options: Any, report: dict[str, Any]) -> bool:
    if options is None or options.report is None:
        return True
    try:
        path = Path(options.report)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=2, default=str) + "\n", "utf-8")
    except OSError as error:
        print(f"error: report {options.report!r} can't be written: {error.strerror}", file=sys.stderr)
        return False
    return True
