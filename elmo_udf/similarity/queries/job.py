"""Implements jobs/query.py as one function."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pyspark.sql import SparkSession

from elmo_udf.errors import UserError
from elmo_udf.similarity.blocks.pack import check_width
from elmo_udf.similarity.joins.corrected import stored_correction
from elmo_udf.similarity.queries.answers_file import written_by
from elmo_udf.similarity.queries.corpus import Corpus
from elmo_udf.similarity.queries.many_texts import answer_texts
from elmo_udf.similarity.queries.one_text import answer_text, what_is_asked
from elmo_udf.similarity.queries.options import QueryOptions
from elmo_udf.similarity.queries.prompt import Say, answer_lines
from elmo_udf.spark.metadata import TableMetadata, metadata_of
from elmo_udf.spark.outputs.transaction import Transaction, in_transaction
from elmo_udf.spark.shipping import ship_model
from elmo_udf.spark.tables import read_embeddings


def query(
    spark: SparkSession, options: QueryOptions, lines: Iterable[str] = (), say: Say | None = None
) -> dict[str, Any]:
    """Finds the ``k`` rows with the greatest cosine to the text (level token: to ``word`` in the text).

    Texts are embedded and corrected like the table. With ``options.interactive``, ``say`` answers every one of
    ``lines`` at once. Returns the report. Raises UserError for a table of another level, for a model that differs from
    the table's, for a text without a token, and for a word that does not occur in the text so often.
    """
    return in_transaction(spark, written_by(options), lambda work: _query(work, options, lines, say))


def _query(work: Transaction, options: QueryOptions, lines: Iterable[str], say: Say | None) -> dict[str, Any]:
    spark = work.spark
    table = read_embeddings(spark, options.embeddings)
    made = metadata_of(table, "embedding")
    assert made is not None  # read_embeddings refuses other tables
    _check_level(options, made)
    asked = {} if options.text is None else what_is_asked(options, options.text, made)
    model = options.model or made.model
    shipped = ship_model(spark, model)
    if shipped.fingerprint != made.fingerprint:
        raise UserError(
            f"model {model!r} has fingerprint {shipped.fingerprint}, but table {options.embeddings!r} was made with "
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
        return report | answer_texts(work, options, corpus)
    if options.interactive:
        return report | answer_lines(shipped, options, corpus, lines, say or (lambda answer: None))
    return report | asked | answer_text(work, options, options.text or "", corpus)


def _check_level(options: QueryOptions, made: TableMetadata) -> None:
    fits = {"document": ("document", "sentence"), "token": ("token",)}[options.level]
    if made.level not in fits:
        raise UserError(
            f"table {options.embeddings!r} has level {made.level}, but --level {options.level} needs "
            f"{' or '.join(fits)}; embed the corpus with --level {fits[0]}, or query with another --level"
        )
