"""The options of jobs/senses.py."""

from __future__ import annotations

from dataclasses import dataclass

from elmo_udf.errors import UserError
from elmo_udf.options import EmbeddingsInput, JobOptions, OutputOptions, option

MAX_K = 10
"""Largest number of clusters: so many colors can be distinguished."""


@dataclass(frozen=True, kw_only=True)
class SensesOptions(JobOptions, OutputOptions, EmbeddingsInput, section="senses"):
    """The options of jobs/senses.py."""

    embeddings: str = option("Read the token table, made by embed.py --level token, from this path or URI.")
    word: str = option("Study the occurrences of this word, which is one token of the table.")
    output: str = option("Write the table of its occurrences (Parquet) to this path or URI.")
    k: int = option("Divide the occurrences into this number of clusters.", 2, at_least=2, at_most=MAX_K)
    match_case: bool = option("Use only occurrences that are written in the same case as --word.", False)
    max_occurrences: int = option(
        "Draw a sample of this number of occurrences if there are more. It is the same on every machine.", 2000
    )
    label_column: str | None = option(
        "Compare the clusters with the known senses in this column, which the table kept.", None
    )
    examples: int = option("Show this number of occurrences of each cluster in the report.", 3, at_least=0)
    seed: int = option("Use this random seed for the initial centers of k-means.", 0, at_least=0)
    plot: str | None = option(
        "Draw the occurrences in two dimensions, and write the picture to this PNG file.", None, section="output"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_occurrences <= self.k:
            raise UserError(f"max_occurrences is {self.max_occurrences}, expected more than k, which is {self.k}")
