"""The options of the job that puts ELMo's similarities beside those of TF-IDF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.errors import UserError
from elmo_udf.options import CorrectionOptions, InputOptions, JobOptions, ModelOptions, OutputOptions, option


@dataclass(frozen=True, kw_only=True)
class CompareOptions(JobOptions, CorrectionOptions, ModelOptions, OutputOptions, InputOptions, section="comparison"):
    """Options of jobs/compare.py."""

    input: str = option("path or URI of the texts, 3 to 2,000: a file, a folder or a glob")
    output: str = option("path or URI of the table of pairs (Parquet)")
    k: int = option("pairs in the report, of those on which the two disagree most", 10, at_least=1)
    plot: str | None = option("draw both matrices side by side into this PNG file", None, section="output")
    labels: Literal["id", "text"] = option("what names a text in the picture: its id, or its first words", "id")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.level != "document":
            raise UserError(f"level is {self.level!r}, expected 'document': a text has one vector here")

    def embed_options(self, folder: str, keep: str) -> EmbedOptions:
        """Options that embed the same input into ``folder``/embeddings, the column ``keep`` carried along."""
        return EmbedOptions(
            **vars(InputOptions.of(self)) | vars(ModelOptions.of(self)),
            output=f"{folder}/embeddings",
            rejects=f"{folder}/rejects",
            keep_columns=(keep,),
        )
