"""Options that say where documents are and how to read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.options.field import OptionGroup, option


def paths_of(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """Returns the paths of an option that takes one or more."""
    return (value,) if isinstance(value, str) else value


@dataclass(frozen=True, kw_only=True)
class InputPath(OptionGroup, section="input"):
    """Where the input is."""

    input: str | tuple[str, ...] = option("Read the documents from this path or URI: a file, a folder or a glob.")

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths of the input."""
        return paths_of(self.input)


@dataclass(frozen=True, kw_only=True)
class DocumentFormat(OptionGroup, section="input"):
    """The format of files of documents."""

    input_format: Literal["parquet", "csv", "tsv", "json", "text"] | None = option(
        "Read files of this format. By default, the file names tell the format.", None
    )
    whole_files: bool = option("Read each text file as one document. By default, each line is one.", False)


@dataclass(frozen=True, kw_only=True)
class TableFormat(OptionGroup, section="input"):
    """The format of files that must have columns."""

    input_format: Literal["parquet", "csv", "tsv", "json"] | None = option(
        "Read files of this format. By default, the file names tell the format.", None
    )


@dataclass(frozen=True, kw_only=True)
class DocumentColumns(OptionGroup, section="input"):
    """The columns that contain a document."""

    id_column: str = option("Identify the documents by this column.", "id")
    text_column: str = option("Read the text of a document, or its tokens, from this column.", "text")


@dataclass(frozen=True, kw_only=True)
class InputOptions(DocumentColumns, DocumentFormat, InputPath):
    """Everything that a reader of documents needs."""


@dataclass(frozen=True, kw_only=True)
class EmbeddingsInput(OptionGroup, section="input"):
    """Where an embedding table is."""

    embeddings: str = option("Read the embedding table, made by embed.py, from this path or URI.")
