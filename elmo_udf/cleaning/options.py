"""The options of jobs/clean.py, and those of every job that cleans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.cleaning.lemmas import check_language
from elmo_udf.cleaning.steps import DEFAULT_PUNCTUATION, STEPS, check_steps
from elmo_udf.options import DocumentFormat, InputPath, JobOptions, OptionGroup, OutputOptions, option


@dataclass(frozen=True, kw_only=True)
class CleaningOptions(OptionGroup, section="cleaning"):
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
        super().__post_init__()
        check_steps(self.steps)
        if "lemmas" in self.steps:
            check_language(self.language)

    @property
    def punctuation_replacement(self) -> str:
        """What comes in place of a character of punctuation."""
        return " " if self.punctuation_becomes == "space" else ""


@dataclass(frozen=True, kw_only=True)
class CleanOptions(JobOptions, CleaningOptions, OutputOptions, DocumentFormat, InputPath, section="input"):
    """Options of jobs/clean.py."""

    output: str = option("path or URI of the table of cleaned documents (Parquet)")
    text_column: str = option("column with the text; it is cleaned in place, all other columns are kept", "text")
    blank_column: str = option(
        "column that says which texts are NULL or blank after cleaning", "is_blank", section="output"
    )
