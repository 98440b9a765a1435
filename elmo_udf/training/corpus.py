"""Prepares documents for training: files of sentences, a validation set, and the words to predict."""

from __future__ import annotations

import logging
import math
import shutil
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.embedding.reasons import count_reasons, with_reasons
from elmo_udf.embedding.tokens import of_tokens
from elmo_udf.errors import UserError
from elmo_udf.spark.inputs.documents import TEXT, read_documents
from elmo_udf.text.tokenizer import Tokenizer
from elmo_udf.training.folder import Work
from elmo_udf.training.options import TrainOptions
from elmo_udf.training.sentences import COLUMN, files_of
from elmo_udf.training.vocabulary import SPECIAL, Vocabulary

log = logging.getLogger(__name__)

SENTENCES_A_FILE = 500_000
"""Number of sentences of a file. A training process holds one file in memory."""
_STEPS = 1_000_000
"""Number of steps into which the share of the validation set is divided."""


def documents_of(spark: SparkSession, options: TrainOptions) -> DataFrame:
    """Returns the rows of the input: TEXT, and ``_reason``, which is NULL if the row can be used for training.

    Raises UserError if the input can't be read.
    """
    documents = read_documents(spark, options)
    return with_reasons(documents, needs_id=False).select(TEXT, "_reason")


def prepare(
    documents: DataFrame, options: TrainOptions, work: Work, vocabulary: Vocabulary | None
) -> tuple[Vocabulary, dict[str, Any]]:
    """Writes the sentences of ``documents`` and, unless they are given, the words to predict.

    Returns the counts of both.

    A hash of its tokens decides whether a sentence is in the validation set, so all its repetitions are there too.
    Raises UserError if there are too few sentences for training.
    """
    spark, tokenized = documents.sparkSession, work.root / "tokenized"
    n_good, skipped = count_reasons(documents)
    if skipped:
        log.warning("training skips these rows: %s", ", ".join(f"{n:,} {reason}" for reason, n in skipped.items()))
    _sentences(documents, options).write.mode("overwrite").parquet(_uri(tokenized))
    sentences = spark.read.parquet(_uri(tokenized))
    n_sentences = sentences.count()
    key = F.xxhash64(F.array_join(COLUMN, " "), F.lit(options.seed))
    is_held_out = key.isin(_held_out(sentences, key, n_sentences, options))
    n_files = options.workers * math.ceil(max(n_sentences, 1) / SENTENCES_A_FILE / options.workers)  # as many for each
    for path, chosen, n in ((work.train, ~is_held_out, n_files), (work.held_out, is_held_out, 1)):
        rows = sentences.where(chosen).repartition(n, key).sortWithinPartitions(key, COLUMN)
        rows.write.mode("overwrite").parquet(_uri(path))
    train = spark.read.parquet(_uri(work.train))
    n_train, n_held_out = train.count(), spark.read.parquet(_uri(work.held_out)).count()
    if not n_train or not n_held_out:
        raise UserError(
            f"input {options.input!r} has {n_sentences} sentences, {n_held_out} of them for validation; expected some "
            "for "
            "training and some for validation; give more text, or change --held-out"
        )
    if len(files_of(work.train)) < options.workers:
        raise UserError(
            f"input {options.input!r} has {n_train} training sentences, too few for {options.workers} workers; "
            "expected more text; reduce --workers"
        )
    words = train.select(F.explode(COLUMN).alias("word")).groupBy("word").count()
    vocabulary = vocabulary or _vocabulary(words, options)
    vocabulary.write(work.vocabulary)
    counts: dict[str, Any] = {"rows_in": n_good + sum(skipped.values()), "rows_skipped_by_reason": skipped}
    counts |= {"n_train_sentences": n_train, "n_held_out_sentences": n_held_out, "n_words": len(vocabulary)}
    counts["n_train_tokens"] = words.agg(F.sum("count")).head(1)[0][0]
    shutil.rmtree(tokenized)
    return vocabulary, counts


def _uri(path: Path) -> str:
    """Returns the path for Spark, with a scheme, because Spark's default file system may be another one.

    Unlike in a URI, special characters are not escaped.
    """
    return f"file:{path}"


def _held_out(sentences: DataFrame, key: Column, n_sentences: int, options: TrainOptions) -> list[int]:
    """Returns the keys of the sentences for validation, at most ``options.max_held_out`` with their repetitions."""
    share = min(options.held_out, options.max_held_out / max(n_sentences, 1))
    drawn = sentences.where(F.pmod(key, F.lit(_STEPS)) < math.ceil(share * _STEPS))
    chosen, left = [], options.max_held_out
    for row in drawn.groupBy(key.alias("key")).count().orderBy("key").collect():
        if row["count"] <= left:
            chosen.append(row["key"])
            left -= row["count"]
    return chosen


def _sentences(documents: DataFrame, options: TrainOptions) -> DataFrame:
    """Returns a table with one row per sentence."""
    sentences = of_tokens(F.col(TEXT), Tokenizer.of(options), list, "array<array<string>>")
    return documents.where("_reason IS NULL").select(F.explode(sentences).alias(COLUMN))


def _vocabulary(words: DataFrame, options: TrainOptions) -> Vocabulary:
    """Returns the most frequent of the counted words. Every process sorts equal counts in the same way."""
    named = ~F.col("word").isin(*SPECIAL) & ~F.col("word").contains("\n")
    rows = words.where((F.col("count") >= options.min_count) & named).orderBy(F.desc("count"), "word")
    return Vocabulary([row["word"] for row in rows.limit(options.max_words).collect()])
