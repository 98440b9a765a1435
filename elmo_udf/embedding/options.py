"""The options of jobs/embed.py."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from elmo_udf.errors import UserError
from elmo_udf.options import (
    InputOptions,
    JobOptions,
    ModelOptions,
    RejectsOptions,
    TaskOptions,
    VectorEncoding,
    option,
)


@dataclass(frozen=True, kw_only=True)
class EmbedOptions(
    JobOptions, TaskOptions, ModelOptions, VectorEncoding, RejectsOptions, InputOptions, section="output"
):
    """Options of jobs/embed.py."""

    output: str = option("path or URI of the embedding table (Parquet)")
    mode: Literal["error", "overwrite", "append", "incremental"] = option(
        "what to do when the output exists; incremental: embed what is new or changed, and append it", "error"
    )
    commit_every: str | None = option(
        "with mode incremental: how often what is done goes into the table, in documents (100000) or time (30min, 2h); "
        "by default every 30min",
        None,
    )
    keep_columns: tuple[str, ...] = option("input columns to carry along", ())
    partition_by: tuple[str, ...] = option(
        "input columns, carried along, whose values are folders of the table (date=2026-01-31); overwrite then "
        "replaces only the folders that the input has rows for",
        (),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.partition_by)) < len(self.partition_by):
            raise UserError(f"partition_by is {', '.join(self.partition_by)}, expected each column once")
        if self.commit_every is not None and self.mode != "incremental":
            raise UserError(
                f"commit_every is {self.commit_every!r} and mode {self.mode!r}; expected mode incremental, which "
                "makes the table where there is none, and goes on with it when it is started again"
            )
        self.commit_interval()

    @property
    def carried_columns(self) -> tuple[str, ...]:
        """Columns of the input that the table has too, those that are its folders last, as Spark reads them."""
        return (*(name for name in self.keep_columns if name not in self.partition_by), *self.partition_by)

    def commit_interval(self) -> tuple[int | None, float | None]:
        """``commit_every`` as a number of documents or as seconds; the other is None. Raises UserError."""
        found = re.fullmatch(r"(\d{1,9})\s*(|s|min|h)", self.commit_every or "30min")
        if not found or not int(found[1]):
            raise UserError(
                f"commit_every is {self.commit_every!r}, expected a number of documents such as 100000, or a time such "
                "as 30min or 2h"
            )
        if not found[2]:
            return int(found[1]), None
        return None, int(found[1]) * {"s": 1.0, "min": 60.0, "h": 3600.0}[found[2]]
