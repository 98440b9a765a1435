"""The options of jobs/dedup.py."""

from __future__ import annotations

import re
from dataclasses import dataclass

from elmo_udf.errors import UserError
from elmo_udf.options import EmbeddingsInput, JobOptions, OutputOptions, option


@dataclass(frozen=True, kw_only=True)
class DedupOptions(JobOptions, OutputOptions, EmbeddingsInput, section="comparison"):
    """The options of jobs/dedup.py."""

    embeddings: str = option(
        "Read the embedding table from this path or URI. It can be any Parquet table with an id and an array of floats."
    )
    output: str = option("Write the rows that stay (Parquet), with all their columns, to this path or URI.")
    removed: str | None = option(
        "Write the table of removed documents to this path or URI. By default, it is OUTPUT-removed.",
        None,
        section="output",
    )
    against: str | None = option(
        "Also remove the documents that are similar to a document of the table at this path or URI, which stays as it "
        "is.",
        None,
        section="input",
    )
    id_column: str = option("Identify the documents by this column.", "id", section="input")
    embedding_column: str = option("Read the vectors from this column.", "embedding", section="input")
    threshold: float = option(
        "Remove a document if its cosine with a document that stays is at least this.", at_least=-1, at_most=1
    )
    keep: str | None = option(
        "Of similar documents, keep the one that comes first by this column: 'COLUMN asc' or 'COLUMN desc'. Documents "
        "without a value come last; the id decides between equal values, and without this option.",
        None,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.keep_rule()
        if self.removed_path.rstrip("/") == self.output.rstrip("/"):
            raise UserError(f"removed and output are both {self.output!r}; expected two different paths")

    @property
    def removed_path(self) -> str:
        """The path of the table of removed documents."""
        return self.removed or self.output.rstrip("/") + "-removed"

    def keep_rule(self) -> tuple[str, bool] | None:
        """Returns the column of ``keep``, and whether its largest value comes first.

        Raises UserError if it is not a column and a direction.
        """
        if self.keep is None:
            return None
        found = re.fullmatch(r"(.*\S)\s+(asc|desc)", self.keep.strip())
        if found is None:
            raise UserError(f"keep is {self.keep!r}, expected a column and asc or desc, such as 'n_tokens desc'")
        return found[1], found[2] == "desc"
