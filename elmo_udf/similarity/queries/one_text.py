"""Answers one text, or one word in it."""

from __future__ import annotations

from typing import Any

import numpy as np
from pyspark.sql import DataFrame, SparkSession

from elmo_udf.embedding.udf import elmo_udf
from elmo_udf.errors import UserError
from elmo_udf.similarity.queries.answers_file import write_answers
from elmo_udf.similarity.queries.corpus import NO_DIRECTION, Corpus
from elmo_udf.similarity.queries.options import QueryOptions
from elmo_udf.similarity.queries.search import nearest
from elmo_udf.similarity.queries.sentences import sentences_at
from elmo_udf.spark.metadata import TableMetadata
from elmo_udf.spark.outputs.transaction import Transaction
from elmo_udf.text.context import in_context
from elmo_udf.text.tokenizer import Tokenizer


def answer_text(work: Transaction, options: QueryOptions, text: str, corpus: Corpus) -> dict[str, Any]:
    """Returns the answers to one text, and also writes them to a file if one is requested."""
    vector = corpus.corrected(_vector(work.spark, options, text, corpus.made)[None])[0]
    if not vector.any():
        raise UserError(f"text {text!r} has {NO_DIRECTION}; expected another text, or no --correction")
    found = nearest(
        corpus.table, vector, options.k, options.word if options.distinct_words else None, corpus.correction
    )
    answers = [{"rank": rank, **row.asDict()} for rank, row in enumerate(found.collect(), 1)]
    if options.level == "token":
        _add_sentences(corpus.table, answers)
    if options.output is not None:
        write_answers(work, options, found, answers)
        return {"output": options.output, "rows_out": len(answers), "answers": answers}
    return {"answers": answers}


def _add_sentences(table: DataFrame, answers: list[dict[str, Any]]) -> None:
    """Adds to each answer the words around it."""
    places = [(answer["id"], answer["sentence_index"]) for answer in answers]
    sentences = sentences_at(table, places)
    for answer, place in zip(answers, places, strict=True):
        answer["sentence"] = in_context(sentences[place], answer["token_index"])


def what_is_asked(options: QueryOptions, text: str, made: TableMetadata) -> dict[str, Any]:
    """Returns the part of the report about the question.

    Raises UserError, before the text is embedded, if it is invalid.
    """
    sentences = Tokenizer.of(made)(text).sentences
    if not sentences:
        raise UserError(f"text {text!r} has no token, expected at least one; give another --text")
    if options.word is None:
        return {"text": text}
    places = [(i, j) for i, tokens in enumerate(sentences) for j, token in enumerate(tokens) if token == options.word]
    if not places:
        tokens = " ".join(token for tokens in sentences for token in tokens)
        raise UserError(
            f"word {options.word!r} is not a token of the text; found {tokens!r}; give one of these as --word"
        )
    if options.occurrence > len(places):
        raise UserError(
            f"word {options.word!r} occurs in the text {len(places)} times, but occurrence is {options.occurrence}; "
            f"expected at most {len(places)}"
        )
    i, j = places[options.occurrence - 1]
    asked = {"text": text, "word": options.word, "word_in_its_sentence": in_context(sentences[i], j)}
    return asked | {"occurrence": options.occurrence, "occurrences": len(places)}


def _vector(spark: SparkSession, options: QueryOptions, text: str, made: TableMetadata) -> np.ndarray:
    """Returns the vector (D,) of the text as a document, or of the word's occurrence in it."""
    embed = elmo_udf(spark=spark, **made.options() | {"level": options.level})
    row = spark.createDataFrame([(text,)], "text string").coalesce(1)
    value = row.select(embed("text").alias("embedding")).collect()[0].embedding
    if value is None:
        raise UserError(
            f"text {text!r} can't be embedded: it is too long, or its vector is is is not finite; change it"
        )
    if options.level == "document":
        return np.array(value, np.float32)
    occurrences = [token.embedding for token in value if token.token == options.word]
    return np.array(occurrences[options.occurrence - 1], np.float32)
