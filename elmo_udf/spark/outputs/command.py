"""Says which command a run is: the same options on the same input, so that a repeated run knows what is done."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from elmo_udf.spark import files
from elmo_udf.spark.outputs.written import Places, Written
from elmo_udf.version import __version__

_NOT_ASKED = {"report", "dry_run", "log_level"}
"""Options that do not change what is written."""


@dataclass(frozen=True)
class Command:
    """What tells one command from another."""

    digest: str
    lasts: bool
    """Whether the digest covers all that is read. A table of a catalog is not covered: it may change unseen, so only a
    run that was killed counts as one of the same command."""

    def as_json(self, report: dict[str, Any] | None) -> dict[str, Any]:
        """Returns what a run of this command leaves, for :meth:`is_that_of` and :meth:`report_in`."""
        return {"command": self.digest, "report": report or {}}

    def is_that_of(self, run: dict[str, Any]) -> bool:
        """Returns whether ``run`` is what a run of this command has left."""
        return run.get("command") == self.digest

    @staticmethod
    def report_in(run: dict[str, Any]) -> dict[str, Any]:
        """Returns the report of a run."""
        report = run.get("report")
        return report if isinstance(report, dict) else {}


def command_of(spark: SparkSession, written: Written, places: Places) -> Command:
    """Returns the command with these options on the present input: names, sizes and times of all files."""
    options = {name: value for name, value in written.asked.items() if name not in _NOT_ASKED}
    states = {one.uri: files.state(spark, one.uri) for one in places.read}
    said = json.dumps([__version__, options, states], sort_keys=True, default=str)
    digest = hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()
    return Command(digest, all(states.values()))
