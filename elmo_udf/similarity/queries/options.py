"""The options of jobs/query.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.errors import UserError
from elmo_udf.options import EmbeddingsInput, JobOptions, WriteMode, option
from elmo_udf.similarity.options import MAX_K


@dataclass(frozen=True, kw_only=True)
class QueryOptions(JobOptions, WriteMode, EmbeddingsInput, section="query"):
    """Options of jobs/query.py."""

    text: str | None = option("the text to look for; with --level token, the sentence that holds the word", None)
    texts: str | None = option("path or URI of a file of texts to look for, one a line", None)
    interactive: bool = option("read texts from standard input, one a line, and answer each at once", False)
    output: str | None = option(
        "write the answers to a table (Parquet), or to a file of JSON lines (.jsonl)", None, section="output"
    )
    k: int = option("number of answers", 10, at_least=1, at_most=MAX_K)
    model: str | None = option("model handle; by default the one that the table names", None, section="model")
    correction: str | None = option("correct vectors as in this result of similarity.py", None, section="correction")
    level: Literal["document", "token"] = option("look for documents, or for words in their sentences", "document")
    word: str | None = option("the word of the text to look for (level token)", None)
    occurrence: int = option("which of the word's occurrences in the text, from 1 (level token)", 1, at_least=1)
    distinct_words: bool = option(
        "other words only, each once, where it is most alike, as gensim's most_similar (level token)", False
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if [self.text is not None, self.texts is not None, self.interactive].count(True) != 1:
            raise UserError("expected one of --text, --texts and --interactive; give exactly one of them")
        if self.interactive and self.output is not None:
            raise UserError("--interactive answers at once and writes no --output; leave one of them out")
        if (self.level == "token") != (self.word is not None):
            raise UserError("--word and --level token go together: give both, or neither")
        if self.word is not None and self.text is None:
            raise UserError("--word is a word of --text; give --text, or leave --word and --level token out")
        if self.word is None and (self.occurrence > 1 or self.distinct_words):
            raise UserError("--occurrence and --distinct-words are about words; give --level token and --word too")
