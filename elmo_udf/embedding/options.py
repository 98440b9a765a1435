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
    """The options of jobs/embed.py."""

    output: str = option("Write the embedding table (Parquet) to this path or URI.")
    mode: Literal["error", "overwrite", "append", "incremental"] = option(
        "Choose what happens if the output exists: error refuses to touch it, overwrite replaces it, append adds "
        "documents to it, and incremental adds the documents that are new or changed.",
        "error",
    )
    commit_every: str | None = option(
        "Commit to the table after this number of documents (such as 100000) or this time (such as 30min or 2h), "
        "in mode incremental. By default, commit every 30min.",
        None,
    )
    keep_columns: tuple[str, ...] = option("Copy these columns of the input into the table.", ())
    partition_by: tuple[str, ...] = option(
        "Copy these columns of the input into the table as Hive partitions, which are folders such as "
        "date=2026-01-31. The mode overwrite then replaces only the partitions that the input has rows for.",
        (),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.partition_by)) < len(self.partition_by):
            raise UserError(f"partition_by is {', '.join(self.partition_by)}, expected each column once")
        if self.commit_every is not None and self.mode != "incremental":
            raise UserError(
                f"commit_every is {self.commit_every!r} and mode {self.mode!r}; expected mode incremental, which "
                "creates the table if there is none, and continues it when the job runs again"
            )
        self.commit_interval()

    @property
    def carried_columns(self) -> tuple[str, ...]:
        """The columns of the input that are copied to the table.

        The partition columns are the last, as Spark reads them.
        """
        return (*(name for name in self.keep_columns if name not in self.partition_by), *self.partition_by)

    def commit_interval(self) -> tuple[int | None, float | None]:
        """Returns ``commit_every`` as a number of documents or as seconds; the other value is None.

        Raises UserError if it is neither.
        """
        found = re.fullmatch(r"(\d{1,18})\s*(|s|min|h)", self.commit_every or "30min")
        if not found or not int(found[1]):
            raise UserError(
                f"commit_every is {self.commit_every!r}, expected a number of documents such as 100000, or a time such "
                "as 30min or 2h"
            )
        if not found[2]:
            return int(found[1]), None
        return None, int(found[1]) * {"s": 1.0, "min": 60.0, "h": 3600.0}[found[2]]
