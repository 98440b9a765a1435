"""The options of the job that takes the senses of a word apart."""

from __future__ import annotations

from dataclasses import dataclass

from elmo_udf.errors import UserError
from elmo_udf.options import EmbeddingsInput, JobOptions, OutputOptions, option

MAX_K = 10
"""Colours that can be told from each other."""


@dataclass(frozen=True, kw_only=True)
class SensesOptions(JobOptions, OutputOptions, EmbeddingsInput, section="senses"):
    """Options of jobs/senses.py."""

    embeddings: str = option("path or URI of a table made by embed.py --level token")
    word: str = option("the word, one token of the table")
    output: str = option("path or URI of the table of its occurrences (Parquet)")
    k: int = option("clusters", 2, at_least=2, at_most=MAX_K)
    match_case: bool = option("leave out occurrences in another case than that of --word", False)
    max_occurrences: int = option("of more, so many are drawn, by a hash of their places", 2000)
    label_column: str | None = option("kept column with the known sense, to compare the clusters with", None)
    examples: int = option("occurrences of each cluster that the report shows", 3, at_least=0)
    seed: int = option("of the first centres of k-means", 0, at_least=0)
    plot: str | None = option("draw the occurrences in two dimensions into this PNG file", None, section="output")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_occurrences <= self.k:
            raise UserError(f"max_occurrences is {self.max_occurrences}, expected more than k, which is {self.k}")
