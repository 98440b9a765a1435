"""Options of jobs/compact.py and jobs/validate.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.errors import UserError
from elmo_udf.options import EmbedOptions, JobOptions, option


@dataclass(frozen=True, kw_only=True)
class SourceOptions(JobOptions):
    """An embedding table, and the documents that it was made from."""

    embeddings: str = option("path or URI of an embedding table made by embed.py")
    source: str | None = option("the documents as they are now, all of them: a file, a folder or a glob", None)
    input_format: Literal["parquet", "csv", "json", "text"] | None = option(
        "format of the source; by default told from its file names", None
    )
    whole_files: bool = option("with a source of text: a file is a document, not a line", False)
    id_column: str = option("column of the source that identifies a document", "id")
    text_column: str = option("column of the source with the text, or with its tokens", "text")

    def source_options(self) -> EmbedOptions:
        """What reads the source."""
        return EmbedOptions(
            input=self.source or "",
            output=self.embeddings,
            input_format=self.input_format,
            whole_files=self.whole_files,
            id_column=self.id_column,
            text_column=self.text_column,
        )


@dataclass(frozen=True, kw_only=True)
class CompactOptions(SourceOptions):
    """Options of jobs/compact.py."""

    file_mib: float = option("largest size of a file, in MiB, about; smaller ones are brought together", 128.0)
    encoding: Literal["plain", "byte_stream_split"] = option(
        "of the vectors in Parquet, with zstd; byte_stream_split: 5 to 9 % smaller, but Spark before 4.3 can't read it",
        "plain",
    )

    def __post_init__(self) -> None:
        if not self.file_mib > 0:
            raise UserError(f"file_mib is {self.file_mib}, expected more than 0")


@dataclass(frozen=True, kw_only=True)
class ValidateOptions(SourceOptions):
    """Options of jobs/validate.py."""

    rejects: str | None = option("the table of rejected rows, with --source (default: EMBEDDINGS-rejects)", None)

    @property
    def rejects_path(self) -> str:
        """Where the rejected rows are, if there are any."""
        return self.rejects or self.embeddings.rstrip("/") + "-rejects"
