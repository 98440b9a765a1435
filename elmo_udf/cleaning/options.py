"""The options of jobs/clean.py, and those of every job that cleans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.cleaning.lemmas import check_language
from elmo_udf.cleaning.steps import DEFAULT_PUNCTUATION, STEPS, check_steps
from elmo_udf.options import JobOptions, option


@dataclass(frozen=True, kw_only=True)
class CleaningOptions:
    """Which steps, in which order, and what they need to know."""

    steps: tuple[str, ...] = option(f"what to do, in this order, of {', '.join(STEPS)}", STEPS)
    language: str = option("language code of the text, for its lemmas", "en")
    punctuation: str = option(
        "the characters that the step punctuation takes away; apostrophes, full stops and commas are kept by default",
        DEFAULT_PUNCTUATION,
    )
    punctuation_becomes: Literal["space", "nothing"] = option(
        "what comes in place of punctuation; nothing joins the words on its two sides", "space"
    )

    def __post_init__(self) -> None:
        check_steps(self.steps)
        if "lemmas" in self.steps:
            check_language(self.language)

    @property
    def punctuation_replacement(self) -> str:
        """What comes in place of a character of punctuation."""
        return " " if self.punctuation_becomes == "space" else ""


@dataclass(frozen=True, kw_only=True)
class CleanOptions(CleaningOptions, JobOptions):
    """Options of jobs/clean.py."""

    input: str = option("path or URI of the documents: a file, a folder or a glob")
    output: str = option("path or URI of the table of cleaned documents (Parquet)")
    input_format: Literal["parquet", "csv", "json", "text"] | None = option(
        "format of the input; by default told from its file names", None
    )
    whole_files: bool = option("with text input: a file is a document, not a line", False)
    text_column: str = option("column with the text; it is cleaned in place, all other columns are kept", "text")
    blank_column: str = option("column that says which texts are NULL or blank after cleaning", "is_blank")
    mode: Literal["error", "overwrite"] = option("what to do when the output exists", "error")
