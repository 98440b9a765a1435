"""The options of jobs/similarity.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.errors import UserError
from elmo_udf.options import CorrectionOptions, EmbeddingsInput, JobOptions, OutputOptions, option

MAX_BLOCK_ROWS = 8192
"""Largest number of rows of a block. A task holds the product of two blocks, at most 256 MiB."""
MAX_K = 1000
"""Largest number of neighbors of a row. A task keeps a list of this length for each of its rows."""


@dataclass(frozen=True, kw_only=True)
class SimilarityOptions(JobOptions, CorrectionOptions, OutputOptions, EmbeddingsInput, section="comparison"):
    """The options of jobs/similarity.py."""

    kind: Literal["topk", "pairs", "matrix", "groups"] = option(
        "Find this: topk finds the k nearest neighbors of each document, pairs finds all pairs above a threshold, "
        "matrix computes all cosines, and groups finds the documents that such pairs connect.",
        positional=True,
    )
    embeddings: str = option(
        "Read the embedding table from this path or URI. It can be any Parquet table with an id and an array of floats."
    )
    output: str = option("Write the result (Parquet) to this path or URI.")
    against: str | None = option(
        "Compare with the table at this path or URI, instead of with the same table (all kinds except groups).",
        None,
        section="input",
    )
    id_column: str = option("Identify the documents by this column.", "id", section="input")
    embedding_column: str = option("Read the vectors from this column.", "embedding", section="input")
    k: int = option("Find this number of nearest neighbors (topk).", 10, at_least=1, at_most=MAX_K)
    threshold: float = option("Find pairs with at least this cosine (pairs, groups).", 0.9)
    max_pairs: int | None = option(
        "Stop before anything is compared if a sample suggests that there are more pairs than this (pairs, groups).",
        None,
        at_least=1,
        at_most=2**63 - 1,
    )
    update: str | None = option(
        "Bring the earlier result at this path or URI up to date, and compare only what is new or changed (topk, "
        "pairs). Its options must be the same.",
        None,
    )
    correction: str | None = option(
        "Correct the vectors as in the earlier result at this path or URI, instead of fitting a correction.",
        None,
        section="correction",
    )
    csv: str | None = option(
        "Also write the matrix, if it is small, to this CSV file (matrix).", None, section="output"
    )
    plot: str | None = option(
        "Draw a heatmap (matrix) or a histogram of the cosines, and write it to this PNG file.", None, section="output"
    )
    block_rows: int | None = option(
        "Pack this number of rows into each block. By default, it follows from the width of the vectors.",
        None,
        at_least=1,
    )
    prune: bool = option(
        "First bound the cosines by a few principal components, where that saves time (pairs, groups). The result "
        "is the same.",
        True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not -1 <= self.threshold <= 1:
            raise UserError(f"threshold is {self.threshold}, expected a cosine between -1 and 1")
        if self.block_rows is not None and self.block_rows > MAX_BLOCK_ROWS:
            raise UserError(f"block_rows is {self.block_rows}, expected at most {MAX_BLOCK_ROWS:,}")
        self._check_kind()
        if self.correction is not None and (self.correction_name != "none" or self.update is not None):
            other = "--update" if self.update is not None else self.correction_name
            advice = "leave one out"
            if self.update is not None:
                advice = "with --update give the flag of the correction, such as --center: it is not fitted again"
            raise UserError(
                f"--correction and {other} both determine the correction of vectors; expected one of them; {advice}"
            )

    def _check_kind(self) -> None:
        """Raises UserError for options that have no meaning for the kind."""
        kinds = {"against": "topk, pairs and matrix", "max_pairs": "pairs and groups", "update": "topk and pairs"}
        for name, fit in (kinds | {"csv": "matrix"}).items():
            if getattr(self, name) is not None and self.kind not in fit:
                flag = "--" + name.replace("_", "-")
                raise UserError(f"{flag} works with {fit}, and the kind is {self.kind}; leave it out")
