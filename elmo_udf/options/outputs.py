"""What is written, and what becomes of what was there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.errors import UserError
from elmo_udf.options.field import OptionGroup, option


@dataclass(frozen=True, kw_only=True)
class OutputPath(OptionGroup, section="output"):
    """Where the result goes."""

    output: str = option("path or URI of the table to write (Parquet)")


@dataclass(frozen=True, kw_only=True)
class WriteMode(OptionGroup, section="output"):
    """What becomes of a result that is there."""

    mode: Literal["error", "overwrite"] = option("what to do when the output exists", "error")


@dataclass(frozen=True, kw_only=True)
class OutputOptions(WriteMode, OutputPath):
    """A result that is written whole."""


@dataclass(frozen=True, kw_only=True)
class RejectsOptions(OutputPath, section="output"):
    """A result, and a table of the rows that are not in it."""

    rejects: str | None = option("path of the table of rejected rows (default: OUTPUT-rejects)", None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rejects is not None and self.rejects.rstrip("/") == self.output.rstrip("/"):
            raise UserError(f"rejects and output are both {self.output!r}; expected two different paths")

    @property
    def rejects_path(self) -> str:
        """Where rejected rows go."""
        return self.rejects or self.output.rstrip("/") + "-rejects"


@dataclass(frozen=True, kw_only=True)
class VectorEncoding(OptionGroup, section="output"):
    """How vectors are stored."""

    encoding: Literal["plain", "byte_stream_split"] = option(
        "of the vectors in Parquet, with zstd; byte_stream_split: 5 to 9 % smaller, but Spark before 4.3 can't read it",
        "plain",
    )
