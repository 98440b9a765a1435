"""The rows of an embedding table most like a text, many texts, or one word in its sentence: what jobs/query.py does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, SparkSession

from elmo_udf.embedding.udf import elmo_udf
from elmo_udf.errors import UserError
from elmo_udf.options import QueryOptions
from elmo_udf.similarity.corrected import stored_correction
from elmo_udf.similarity.correction import Correction
from elmo_udf.similarity.pack import check_width
from elmo_udf.similarity.query_texts import NO_DIRECTION, answer_lines, answer_texts, check_output, write_answers
from elmo_udf.similarity.search import nearest
from elmo_udf.similarity.sentences import sentences_at
from elmo_udf.spark.shipping import ship_model
from elmo_udf.spark.tables import TableMetadata, metadata_of, read_embeddings
from elmo_udf.text.context import in_context
from elmo_udf.text.tokenizer import Tokenizer

Say = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Corpus:
    """What is searched: the table, how its vectors were made (``made.model`` is the handle to use), a correction."""

    table: DataFrame
    made: TableMetadata
    correction: Correction | None

    def corrected(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (n, D) as the table's are compared, (n, D'): those of which nothing is left are zero."""
        return vectors if self.correction is None else self.correction.apply(vectors)


def query(
    spark: SparkSession, options: QueryOptions, lines: Iterable[str] = (), say: Say | None = None
) -> dict[str, Any]:
    """The ``k`` rows of the table with the greatest cosine to the text (level token: to ``word`` in the text).

    Texts are embedded, and corrected, as the table was. With ``options.interactive`` every one of ``lines`` is
    answered at once, by ``say``. Raises UserError for a table of another level, a model other than the table's, a text
    without a token, and a word that is not in the text so often.
    """
    table = read_embeddings(spark, options.embeddings)
    made = metadata_of(table, "embedding")
    assert made is not None  # read_embeddings refuses other tables
    _check_level(options, made)
    check_output(spark, options)
    asked = {} if options.text is None else _asked(options, options.text, made)
    model = options.model or made.model
    shipped = ship_model(spark, model)
    if shipped.fingerprint != made.fingerprint:
        raise UserError(
            f"model {model!r} has fingerprint {shipped.fingerprint}, and table {options.embeddings!r} was made with "
            f"{made.fingerprint}; expected the same model; name it with --model"
        )
    correction = None
    if options.correction is not None:
        correction = stored_correction(spark, options.correction, made, options.embeddings)
        check_width(correction, made.width, options.embeddings)
    report = {"model": model, "fingerprint": shipped.fingerprint, "layer": made.layer}
    report |= {"embeddings": options.embeddings, "correction": "none" if correction is None else correction.name}
    if options.dry_run:
        return report
    corpus = Corpus(table, replace(made, model=model), correction)
    if options.texts is not None:
        return report | answer_texts(spark, options, corpus)
    if options.interactive:
        return report | answer_lines(shipped, options, corpus, lines, say or (lambda answer: None))
    return report | asked | _answer(spark, options, options.text or "", corpus)


def _answer(spark: SparkSession, options: QueryOptions, text: str, corpus: Corpus) -> dict[str, Any]:
    """The answers to one text, also in a file where one was asked for."""
    vector = corpus.corrected(_vector(spark, options, text, corpus.made)[None])[0]
    if not vector.any():
        raise UserError(f"text {text!r} has {NO_DIRECTION}; expected another text, or no --correction")
    found = nearest(
        corpus.table, vector, options.k, options.word if options.distinct_words else None, corpus.correction
    )
    answers = [{"rank": rank, **row.asDict()} for rank, row in enumerate(found.collect(), 1)]
    if options.level == "token":
        _add_sentences(corpus.table, answers)
    if options.output is not None:
        write_answers(spark, options, found, answers)
        return {"output": options.output, "rows_out": len(answers), "answers": answers}
    return {"answers": answers}


def _add_sentences(table: DataFrame, answers: list[dict[str, Any]]) -> None:
    """To each answer the words around it."""
    places = [(answer["id"], answer["sentence_index"]) for answer in answers]
    sentences = sentences_at(table, places)
    for answer, place in zip(answers, places, strict=True):
        answer["sentence"] = in_context(sentences[place], answer["token_index"])


def _check_level(options: QueryOptions, made: TableMetadata) -> None:
    fits = {"document": ("document", "sentence"), "token": ("token",)}[options.level]
    if made.level not in fits:
        raise UserError(
            f"table {options.embeddings!r} is of level {made.level}, and --level {options.level} needs one of "
            f"{' or '.join(fits)}; embed the corpus with --level {fits[0]}, or query with another --level"
        )


def _asked(options: QueryOptions, text: str, made: TableMetadata) -> dict[str, Any]:
    """The part of the report about the question; what can't be asked is refused here, before the text is embedded."""
    sentences = Tokenizer(made.tokenizer, made.language, made.max_sentence_tokens)(text).sentences
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
            f"word {options.word!r} is in the text {len(places)} times, and occurrence is {options.occurrence}; "
            f"expected at most {len(places)}"
        )
    i, j = places[options.occurrence - 1]
    asked = {"text": text, "word": options.word, "word_in_its_sentence": in_context(sentences[i], j)}
    return asked | {"occurrence": options.occurrence, "occurrences": len(places)}


def _vector(spark: SparkSession, options: QueryOptions, text: str, made: TableMetadata) -> np.ndarray:
    """The vector (D,) of the text as a document, or of the word's occurrence in it."""
    embed = elmo_udf(spark=spark, **made.options() | {"level": options.level})
    row = spark.createDataFrame([(text,)], "text string").coalesce(1)
    value = row.select(embed("text").alias("embedding")).collect()[0].embedding
    if value is None:
        raise UserError(f"text {text!r} can't be embedded: it is too long, or its vector not finite; change it")
    if options.level == "document":
        return np.array(value, np.float32)
    occurrences = [token.embedding for token in value if token.token == options.word]
    return np.array(occurrences[options.occurrence - 1], np.float32)
