"""The options of jobs/similarity.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.errors import UserError
from elmo_udf.options import CorrectionOptions, EmbeddingsInput, JobOptions, OutputOptions, option

MAX_BLOCK_ROWS = 8192
"""Most rows of a block: a task holds the products of two blocks, 256 MiB of these."""
MAX_K = 1000
"""Most neighbors a row may be asked for: lists of so many are kept for every row of a task."""


@dataclass(frozen=True, kw_only=True)
class SimilarityOptions(JobOptions, CorrectionOptions, OutputOptions, EmbeddingsInput, section="comparison"):
    """Options of jobs/similarity.py."""

    kind: Literal["topk", "pairs", "matrix", "groups"] = option(
        "topk: each document's k nearest; pairs: all above a threshold; matrix: all against all; groups: of documents "
        "that such pairs connect",
        positional=True,
    )
    embeddings: str = option("path or URI of an embedding table, ours or any Parquet with an id and an array of floats")
    output: str = option("path or URI of the result (Parquet)")
    against: str | None = option("compare with this table instead of with itself (not groups)", None, section="input")
    id_column: str = option("column that identifies a document", "id", section="input")
    embedding_column: str = option("column with the vector", "embedding", section="input")
    k: int = option("neighbors of a document (topk)", 10, at_least=1, at_most=MAX_K)
    threshold: float = option("least cosine of a pair (pairs, groups)", 0.9)
    max_pairs: int | None = option(
        "end before anything is compared where a sample says that there are more pairs (pairs, groups)",
        None,
        at_least=1,
    )
    update: str | None = option(
        "an earlier result of the same options, for the table as it was: compare only what is new (topk, pairs)", None
    )
    correction: str | None = option(
        "correct vectors as in this earlier result, instead of a correction fit now", None, section="correction"
    )
    csv: str | None = option("write the matrix, if it is small, to this file as well", None, section="output")
    plot: str | None = option(
        "draw a heatmap (matrix) or a histogram of the cosines to this PNG file", None, section="output"
    )
    block_rows: int | None = option("rows of a block; by default from the width of the vectors", None, at_least=1)
    prune: bool = option("bound cosines by a few components first, where that pays (pairs); loses nothing", True)

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
                advice = "with --update give the flag of the correction, such as --center: it is not fit again"
            raise UserError(f"--correction and {other} both say how to correct vectors; expected one; {advice}")

    def _check_kind(self) -> None:
        """Refuse options that mean nothing for the kind."""
        kinds = {"against": "topk, pairs and matrix", "max_pairs": "pairs and groups", "update": "topk and pairs"}
        for name, fit in (kinds | {"csv": "matrix"}).items():
            if getattr(self, name) is not None and self.kind not in fit:
                flag = "--" + name.replace("_", "-")
                raise UserError(f"{flag} is for {fit}, and this is {self.kind}; leave it out")
