"""The options of jobs/compact.py and jobs/validate.py."""

from __future__ import annotations

from dataclasses import dataclass

from elmo_udf.options import (
    DocumentColumns,
    DocumentFormat,
    EmbeddingsInput,
    InputOptions,
    JobOptions,
    VectorEncoding,
    option,
)


@dataclass(frozen=True, kw_only=True)
class SourceOptions(JobOptions, DocumentColumns, DocumentFormat, EmbeddingsInput, section="input"):
    """An embedding table, and the documents that it was made from."""

    source: str | tuple[str, ...] | None = option(
        "Read the current documents, all of them, from this path or URI: a file, a folder or a glob.", None
    )

    def source_options(self) -> InputOptions:
        """Returns the options with which the source is read."""
        return InputOptions.of(self, input=self.source)


@dataclass(frozen=True, kw_only=True)
class CompactOptions(VectorEncoding, SourceOptions, section="output"):
    """The options of jobs/compact.py."""

    file_mib: float = option("Write files of at most about this size in MiB, and merge smaller ones.", 128.0, above=0)


@dataclass(frozen=True, kw_only=True)
class ValidateOptions(SourceOptions, section="input"):
    """The options of jobs/validate.py."""

    rejects: str | None = option(
        "Read the table of rejected rows from this path or URI, with --source. By default, it is EMBEDDINGS-rejects.",
        None,
    )

    @property
    def rejects_path(self) -> str:
        """The path of the table of rejected rows, which may not exist."""
        return self.rejects or self.embeddings.rstrip("/") + "-rejects"
