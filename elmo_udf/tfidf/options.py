"""The options of jobs/compare.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.options import (
    CorrectionOptions,
    DocumentModelOptions,
    InputOptions,
    JobOptions,
    ModelOptions,
    OutputOptions,
    option,
)


@dataclass(frozen=True, kw_only=True)
class CompareOptions(
    JobOptions, CorrectionOptions, DocumentModelOptions, OutputOptions, InputOptions, section="comparison"
):
    """The options of jobs/compare.py."""

    input: str | tuple[str, ...] = option("Read 3 to 2,000 texts from this path or URI: a file, a folder or a glob.")
    output: str = option("Write the table of pairs (Parquet) to this path or URI.")
    k: int = option("Report this number of pairs, those on which the two measures disagree most.", 10, at_least=1)
    plot: str | None = option(
        "Draw both matrices side by side, and write the picture to this PNG file.", None, section="output"
    )
    labels: Literal["id", "text"] = option(
        "Label the texts on the axes of the picture by their id or by their first words.", "id"
    )

    def embed_options(self, folder: str, keep: str) -> EmbedOptions:
        """Returns options that embed the same input into ``folder``/embeddings and copy the column ``keep``."""
        return EmbedOptions(
            **vars(InputOptions.of(self)) | vars(ModelOptions.of(self)),
            output=f"{folder}/embeddings",
            rejects=f"{folder}/rejects",
            keep_columns=(keep,),
        )
