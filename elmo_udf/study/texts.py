"""Reads labelled texts and their tokens, and decides which rows can't be used and why."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.embedding.reasons import count_reasons, first_of_each_id, with_reasons
from elmo_udf.embedding.tokens import of_tokens
from elmo_udf.errors import UserError
from elmo_udf.options import InputOptions
from elmo_udf.spark.complaints import reading
from elmo_udf.spark.inputs.columns import MALFORMED
from elmo_udf.spark.inputs.documents import TEXT, kept_columns, read_documents
from elmo_udf.study.options import StudyOptions
from elmo_udf.text.tokenizer import Sentence, Tokenizer

_SENTENCES = T.ArrayType(T.ArrayType(T.StringType(), False), False)


@dataclass(frozen=True)
class LabelledTexts:
    """The texts that can be drawn, and counts of all rows."""

    table: DataFrame
    """A table with the columns id, ``_text`` and label (0 or 1), and with unique ids."""
    ids: pa.Table
    """The id and the label of the same rows, sorted by id."""
    label_names: tuple[str, str]
    """The labels in the input that are 0 and 1 here."""
    n_rows: int
    rejected: dict[str, int]
    """The number of rows that can't be used, by reason."""


def labelled_texts(spark: SparkSession, options: StudyOptions) -> LabelledTexts:
    """Returns the texts of the input with their ids and labels.

    Raises UserError for bad input, or if there are too few texts.
    """
    rows = _checked(_documents(spark, options))
    with reading(f"input {options.input!r}", "files of one format and with the same columns"):
        n_good, rejected = count_reasons(rows)
        good = rows.where("_reason IS NULL").select("id", TEXT, "label")
        found = sorted(row.label for row in good.select("label").distinct().limit(20).collect())
    if len(found) != 2:
        raise UserError(
            f"label column {options.label_column!r} has {len(found)} values: {', '.join(found)[:200] or 'none'}; "
            "expected two; name another with --label-column, or leave texts of other labels out"
        )
    table = good.withColumn("label", (F.col("label") == found[1]).cast("int"))
    ids = table.select("id", "label").orderBy("id").toArrow()
    if len(ids) < sum(options.sizes):
        raise UserError(
            f"input {options.input!r} has {len(ids):,} texts that can be used, and a repeat needs "
            f"{' + '.join(map(str, options.sizes))} = {sum(options.sizes):,}; ask for fewer, or give more"
        )
    return LabelledTexts(table, ids, (found[0], found[1]), n_good + sum(rejected.values()), rejected)


def tokenized(texts: DataFrame, options: StudyOptions) -> DataFrame:
    """Returns a table with id and text, array<array<string>>: the first ``max_tokens`` tokens of each text."""
    first, tokenizer = partial(first_tokens, limit=options.max_tokens), Tokenizer(options.tokenizer, options.language)
    return texts.select("id", of_tokens(F.col(TEXT), tokenizer, first, _SENTENCES).alias("text"))


def first_tokens(sentences: list[Sentence], limit: int) -> list[Sentence]:
    """Returns the sentences up to token ``limit`` of the text. The last one may be cut."""
    kept: list[Sentence] = []
    for sentence in sentences:
        if limit <= 0:
            break
        kept.append(sentence[:limit])
        limit -= len(sentence)
    return kept


def _documents(spark: SparkSession, options: StudyOptions) -> DataFrame:
    """Returns a table with the columns id, ``_text``, ``_malformed`` and label (string)."""
    documents = read_documents(spark, InputOptions.of(options), {options.label_column: "--label-column"})
    label = F.trim(F.col(kept_columns(documents)[0]).cast("string"))
    return documents.select("id", TEXT, MALFORMED, F.nullif(label, F.lit("")).alias("label"))


def _checked(documents: DataFrame) -> DataFrame:
    """Returns the documents with what is wrong with each in ``_reason``; one without fault is left of each id."""
    rows = with_reasons(documents)
    no_label = F.when(F.col("label").isNull(), F.lit("null_label"))
    rows = rows.withColumn("_reason", F.coalesce("_reason", no_label))
    return first_of_each_id(rows, ["content_hash", "label"], lambda rows: F.lit("another text of this id is kept"))
