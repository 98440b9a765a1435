"""The rows of an embedding table most like one text, or like one word in its sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.embedding.udf import elmo_udf
from elmo_udf.errors import UserError
from elmo_udf.options import QueryOptions
from elmo_udf.similarity.cosine import STEPS, Rows, exact_steps, scale_rows
from elmo_udf.similarity.sentences import sentences_at
from elmo_udf.spark.shipping import ship_model
from elmo_udf.spark.tables import TableMetadata, metadata_of, read_embeddings
from elmo_udf.text.context import in_context
from elmo_udf.text.tokenizer import Tokenizer

_ANSWER = ("id", "sentence_index", "token_index", "token")
_WORD = "_word"
"""The token in lower case."""


def query(spark: SparkSession, options: QueryOptions) -> dict[str, Any]:
    """The ``k`` rows of the table with the greatest cosine to the text (level token: to ``word`` in the text).

    The text is embedded as the table was. Raises UserError for a table of another level, a model other than the
    table's, a text without a token, and a word that is not in the text so often.
    """
    table = read_embeddings(spark, options.embeddings)
    made = metadata_of(table, "embedding")
    assert made is not None  # read_embeddings refuses other tables
    _check_level(options, made)
    asked = _asked(options, made)
    model = options.model or made.model
    fingerprint = ship_model(spark, model).fingerprint
    if fingerprint != made.fingerprint:
        raise UserError(
            f"model {model!r} has fingerprint {fingerprint}, and table {options.embeddings!r} was made with "
            f"{made.fingerprint}; expected the same model; name it with --model"
        )
    report = {"model": model, "fingerprint": fingerprint, "layer": made.layer, "embeddings": options.embeddings}
    if options.dry_run:
        return report
    vector = _vector(spark, options, replace(made, model=model))
    nearest_rows = nearest(table, vector, options.k, options.word if options.distinct_words else None)
    answers = [{"rank": rank, **row.asDict()} for rank, row in enumerate(nearest_rows.collect(), 1)]
    if options.level == "token":
        _add_sentences(table, answers)
    return report | asked | {"answers": answers}


def nearest(table: DataFrame, vector: np.ndarray, k: int, but_not: str | None = None) -> DataFrame:
    """The ``k`` rows nearest to ``vector`` (D,): id (and sentence_index, token_index, token where there are), cosine.

    One pass over the table; a batch of rows is reduced to its own k best before it leaves the executor. Cosines are
    float64, rounded to 1e-6, and ordered by (−cosine, id). With ``but_not``, a word, the k nearest other words, each by
    its nearest row; case makes no other word.
    """
    names = [name for name in _ANSWER if name in table.columns]
    rows = table.select(*names, "embedding")
    if but_not is not None:
        rows = table.select(*names, F.lower("token").alias(_WORD), "embedding")
        rows = rows.where(F.col(_WORD) != F.lower(F.lit(but_not)))
    schema = T.StructType([field for field in rows.schema if field.name != "embedding"]).add("cosine", "double")
    found = rows.mapInArrow(_best_of_batches(vector, k), schema)
    order = [F.desc("cosine"), *(F.asc(name) for name in names)]
    if but_not is not None:
        found = found.withColumn("_place", F.row_number().over(Window.partitionBy(_WORD).orderBy(*order)))
        found = found.where("_place = 1").drop("_place", _WORD)
    return found.orderBy(*order).limit(k)


def _best_of_batches(vector: np.ndarray, k: int) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    wanted = Rows.of(scale_rows(vector[None]))  # (1, D)

    def best(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            column = batch.column(batch.num_columns - 1)
            rows = Rows.of(scale_rows(column.flatten().to_numpy().reshape(len(column), -1)))  # (B, D)
            cosines = exact_steps(wanted, rows, np.zeros(len(rows), np.int64), np.arange(len(rows))) / STEPS  # (B,)
            # Everything that ties with the k-th stays: ids decide, and they are compared by Spark.
            candidates = np.arange(len(cosines))
            heads = cosines
            if _WORD in batch.schema.names:
                heads, candidates = _best_of_words(cosines, batch.column(_WORD).to_pandas())
            least = np.partition(heads, -k)[-k] if len(heads) > k else -np.inf
            kept = pa.array(candidates[cosines[candidates] >= least])
            columns = [batch.column(i).take(kept) for i in range(batch.num_columns - 1)]
            names = [*batch.schema.names[:-1], "cosine"]
            yield pa.RecordBatch.from_arrays([*columns, pa.array(cosines).take(kept)], names=names)

    return best


def _best_of_words(cosines: np.ndarray, words: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The best cosine of every word (W,), and the places of the rows that have it, from cosines (B,)."""
    by_word = pd.Series(cosines).groupby(words.to_numpy())
    return by_word.max().to_numpy(), np.flatnonzero(cosines == by_word.transform("max").to_numpy())


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


def _asked(options: QueryOptions, made: TableMetadata) -> dict[str, Any]:
    """The part of the report about the question; what can't be asked is refused here, before the text is embedded."""
    sentences = Tokenizer(made.tokenizer, made.language, made.max_sentence_tokens)(options.text).sentences
    if not sentences:
        raise UserError(f"text {options.text!r} has no token, expected at least one; give another --text")
    if options.word is None:
        return {"text": options.text}
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
    asked = {"text": options.text, "word": options.word, "word_in_its_sentence": in_context(sentences[i], j)}
    return asked | {"occurrence": options.occurrence, "occurrences": len(places)}


def _vector(spark: SparkSession, options: QueryOptions, made: TableMetadata) -> np.ndarray:
    """The vector (D,) of the text as a document, or of the word's occurrence in it."""
    embed = elmo_udf(spark=spark, **made.options() | {"level": options.level})
    text = spark.createDataFrame([(options.text,)], "text string").coalesce(1)
    value = text.select(embed("text").alias("embedding")).collect()[0].embedding
    if value is None:
        raise UserError(f"text {options.text!r} can't be embedded: it is too long, or its vector not finite; change it")
    if options.level == "document":
        return np.array(value, np.float32)
    occurrences = [token.embedding for token in value if token.token == options.word]
    return np.array(occurrences[options.occurrence - 1], np.float32)
