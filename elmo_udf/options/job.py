"""Options that every job has, and those of jobs that embed in tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.options.field import OptionGroup, option


@dataclass(frozen=True, kw_only=True)
class JobOptions(OptionGroup, section="job"):
    """The options of every job."""

    report: str | None = option("Write a report of the run to this file, as one JSON object.", None)
    dry_run: bool = option("Check everything and say what the job would do, but write nothing.", False)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = option(
        "Write log messages of this level and above to stderr.", "INFO"
    )


@dataclass(frozen=True, kw_only=True)
class TaskOptions(OptionGroup, section="job"):
    """How the embedding work is divided into tasks."""

    partitions: int | None = option(
        "Divide the embedding work into this many tasks. By default, the job estimates how many are best.",
        None,
        at_least=1,
    )
