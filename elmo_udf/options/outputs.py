"""Options that say where results are written, and what happens to existing ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.errors import UserError
from elmo_udf.options.field import OptionGroup, option


@dataclass(frozen=True, kw_only=True)
class OutputPath(OptionGroup, section="output"):
    """Where the result is written."""

    output: str = option("Write the table (Parquet) to this path or URI.")


@dataclass(frozen=True, kw_only=True)
class WriteMode(OptionGroup, section="output"):
    """What happens to an existing result."""

    mode: Literal["error", "overwrite"] = option(
        "Choose what happens if the output exists: error refuses to touch it, overwrite replaces it.", "error"
    )


@dataclass(frozen=True, kw_only=True)
class OutputOptions(WriteMode, OutputPath):
    """A result that is written as a whole."""


@dataclass(frozen=True, kw_only=True)
class RejectsOptions(OutputPath, section="output"):
    """A result, and a table of the rows that were rejected."""

    rejects: str | None = option(
        "Write the table of rejected rows to this path or URI. By default, it is OUTPUT-rejects.", None
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rejects is not None and self.rejects.rstrip("/") == self.output.rstrip("/"):
            raise UserError(f"rejects and output are both {self.output!r}; expected two different paths")

    @property
    def rejects_path(self) -> str:
        """The path of the table of rejected rows."""
        return self.rejects or self.output.rstrip("/") + "-rejects"


@dataclass(frozen=True, kw_only=True)
class VectorEncoding(OptionGroup, section="output"):
    """How vectors are encoded in Parquet."""

    encoding: Literal["plain", "byte_stream_split"] = option(
        "Encode the vectors in Parquet in this way, before zstd compresses them. byte_stream_split makes the files"
        " 5% to 9% smaller, but Spark reads it only from version 4.3 on.",
        "plain",
    )
