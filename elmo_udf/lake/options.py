"""Options of jobs/compact.py and jobs/validate.py."""

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

    source: str | None = option("the documents as they are now, all of them: a file, a folder or a glob", None)

    def source_options(self) -> InputOptions:
        """What reads the source."""
        return InputOptions.of(self, input=self.source)


@dataclass(frozen=True, kw_only=True)
class CompactOptions(VectorEncoding, SourceOptions, section="output"):
    """Options of jobs/compact.py."""

    file_mib: float = option("largest size of a file, in MiB, about; smaller ones are brought together", 128.0, above=0)


@dataclass(frozen=True, kw_only=True)
class ValidateOptions(SourceOptions, section="input"):
    """Options of jobs/validate.py."""

    rejects: str | None = option("the table of rejected rows, with --source (default: EMBEDDINGS-rejects)", None)

    @property
    def rejects_path(self) -> str:
        """Where the rejected rows are, if there are any."""
        return self.rejects or self.embeddings.rstrip("/") + "-rejects"
