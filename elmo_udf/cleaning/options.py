"""The options of jobs/clean.py, and of every job that cleans texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.cleaning.lemmas import check_language
from elmo_udf.cleaning.steps import DEFAULT_PUNCTUATION, STEPS, check_steps
from elmo_udf.options import DocumentFormat, InputPath, JobOptions, OptionGroup, OutputOptions, option


@dataclass(frozen=True, kw_only=True)
class CleaningOptions(OptionGroup, section="cleaning"):
    """The steps, their order, and what they need to know."""

    steps: tuple[str, ...] = option(f"Apply these steps in this order. The steps are {', '.join(STEPS)}.", STEPS)
    language: str = option("Find the lemmas of words in this language. The code follows ISO 639.", "en")
    punctuation: str = option(
        "Remove these characters in the step punctuation. By default, apostrophes, full stops and commas are kept.",
        DEFAULT_PUNCTUATION,
        may_be_empty=True,
    )
    punctuation_becomes: Literal["space", "nothing"] = option(
        "Replace a punctuation character with a space or with nothing. nothing joins the words on both sides.", "space"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_steps(self.steps)
        if "lemmas" in self.steps:
            check_language(self.language)

    @property
    def punctuation_replacement(self) -> str:
        """The text that replaces a character of punctuation."""
        return " " if self.punctuation_becomes == "space" else ""


@dataclass(frozen=True, kw_only=True)
class CleanOptions(JobOptions, CleaningOptions, OutputOptions, DocumentFormat, InputPath, section="input"):
    """The options of jobs/clean.py."""

    output: str = option("Write the table of cleaned documents (Parquet) to this path or URI.")
    text_column: str = option("Clean the text in this column. All other columns are kept as they are.", "text")
    blank_column: str = option(
        "Mark the texts that are NULL, or blank after cleaning, in this new column.", "is_blank", section="output"
    )
