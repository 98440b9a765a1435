"""Where documents are, and how they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.options.field import OptionGroup, option


@dataclass(frozen=True, kw_only=True)
class InputPath(OptionGroup, section="input"):
    """Where the input is."""

    input: str = option("path or URI of the documents: a file, a folder or a glob")


@dataclass(frozen=True, kw_only=True)
class DocumentFormat(OptionGroup, section="input"):
    """How files of documents are read."""

    input_format: Literal["parquet", "csv", "json", "text"] | None = option(
        "format of the input; by default told from its file names", None
    )
    whole_files: bool = option("with text input: a file is a document, not a line", False)


@dataclass(frozen=True, kw_only=True)
class TableFormat(OptionGroup, section="input"):
    """How files are read that must have columns."""

    input_format: Literal["parquet", "csv", "json"] | None = option(
        "format of the input; by default told from its file names (.tsv: tabs, and no quotes)", None
    )


@dataclass(frozen=True, kw_only=True)
class DocumentColumns(OptionGroup, section="input"):
    """What a document is in a table."""

    id_column: str = option("column that identifies a document", "id")
    text_column: str = option("column with the text, or with its tokens", "text")


@dataclass(frozen=True, kw_only=True)
class InputOptions(DocumentColumns, DocumentFormat, InputPath):
    """All that a reader of documents has to know."""


@dataclass(frozen=True, kw_only=True)
class EmbeddingsInput(OptionGroup, section="input"):
    """Where an embedding table is."""

    embeddings: str = option("path or URI of an embedding table made by embed.py")
