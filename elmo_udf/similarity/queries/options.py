"""The options of jobs/query.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.errors import UserError
from elmo_udf.options import EmbeddingsInput, JobOptions, WriteMode, option
from elmo_udf.similarity.options import MAX_K


@dataclass(frozen=True, kw_only=True)
class QueryOptions(JobOptions, WriteMode, EmbeddingsInput, section="query"):
    """The options of jobs/query.py."""

    text: str | None = option(
        "Find the documents that are most similar to this text. With --level token, the text is the sentence that "
        "contains the word.",
        None,
        may_be_empty=True,
    )
    texts: str | None = option(
        "Find the documents that are most similar to each text in this file, which has one text per line.", None
    )
    interactive: bool = option("Read texts from standard input, one per line, and answer each one at once.", False)
    output: str | None = option(
        "Write the answers to this table (Parquet), or to this file of JSON lines if its name ends in .jsonl.",
        None,
        section="output",
    )
    k: int = option("Give this number of answers for each text.", 10, at_least=1, at_most=MAX_K)
    model: str | None = option(
        "Use the model with this handle. By default, it is the model that the table names.", None, section="model"
    )
    correction: str | None = option(
        "Correct the vectors as in this result of similarity.py.", None, section="correction"
    )
    level: Literal["document", "token"] = option("Find documents, or find words in their sentences.", "document")
    word: str | None = option("Find the tokens that are most similar to this word of the text (level token).", None)
    occurrence: int = option(
        "Use this occurrence of the word in the text, counted from 1 (level token).", 1, at_least=1
    )
    distinct_words: bool = option(
        "Find only other words, and show each of them once, at its most similar occurrence, like gensim's "
        "most_similar (level token).",
        False,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if [self.text is not None, self.texts is not None, self.interactive].count(True) != 1:
            raise UserError("expected one of --text, --texts and --interactive; give exactly one of them")
        if self.interactive and self.output is not None:
            raise UserError("--interactive prints each answer at once, and can't write --output; leave out one of them")
        if (self.level == "token") != (self.word is not None):
            raise UserError("--word and --level token go together: give both, or neither")
        if self.word is not None and self.text is None:
            raise UserError("--word is a word of --text; give --text, or leave out --word and --level token")
        if self.word is None and (self.occurrence > 1 or self.distinct_words):
            raise UserError("--occurrence and --distinct-words are about words; give --level token and --word too")
