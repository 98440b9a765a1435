"""The options of every job, and of those that embed in tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.options.field import OptionGroup, option


@dataclass(frozen=True, kw_only=True)
class JobOptions(OptionGroup, section="run"):
    """What every job takes."""

    report: str | None = option("write one JSON object about the run to this path", None)
    dry_run: bool = option("resolve, check and explain; write nothing", False)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = option("of Python's logging, on stderr", "INFO")


@dataclass(frozen=True, kw_only=True)
class TaskOptions(OptionGroup, section="run"):
    """How the work of embedding is divided."""

    partitions: int | None = option("number of embedding tasks; by default from the estimated work", None, at_least=1)
