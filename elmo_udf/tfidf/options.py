"""The options of the job that puts ELMo's similarities beside those of TF-IDF."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from elmo_udf.errors import UserError
from elmo_udf.options import CorrectionOptions, EmbedOptions, JobOptions, ModelOptions, option


@dataclass(frozen=True, kw_only=True)
class CompareOptions(CorrectionOptions, ModelOptions, JobOptions):
    """Options of jobs/compare.py."""

    input: str = option("path or URI of the texts, 3 to 2,000: a file, a folder or a glob")
    output: str = option("path or URI of the table of pairs (Parquet)")
    input_format: Literal["parquet", "csv", "json", "text"] | None = option(
        "format of the input; by default told from its file names", None
    )
    whole_files: bool = option("with text input: a file is a document, not a line", False)
    id_column: str = option("column that identifies a text", "id")
    text_column: str = option("column with the text, or with its tokens", "text")
    k: int = option("pairs in the report, of those on which the two disagree most", 10)
    plot: str | None = option("draw both matrices side by side into this PNG file", None)
    labels: Literal["id", "text"] = option("what names a text in the picture: its id, or its first words", "id")
    mode: Literal["error", "overwrite"] = option("what to do when the output exists", "error")

    def __post_init__(self) -> None:
        ModelOptions.__post_init__(self)
        CorrectionOptions.__post_init__(self)
        if self.level != "document":
            raise UserError(f"level is {self.level!r}, expected 'document': a text has one vector here")
        if self.k < 1:
            raise UserError(f"k is {self.k}, expected at least 1")

    def embed_options(self, folder: str, keep: str) -> EmbedOptions:
        """Options that embed the same input into ``folder``/embeddings, the column ``keep`` carried along."""
        shared = {field.name for field in fields(EmbedOptions)} & {field.name for field in fields(self)}
        values = {name: getattr(self, name) for name in shared - {"output", "mode", "report"}}
        values |= {"output": f"{folder}/embeddings", "rejects": f"{folder}/rejects", "keep_columns": (keep,)}
        return EmbedOptions(**values)
