"""Finds the rows of one word in a token table, and collects them on the driver."""

from __future__ import annotations

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from elmo_udf.errors import UserError
from elmo_udf.similarity.queries.sentences import sentences_at
from elmo_udf.spark.inputs.columns import find_column
from elmo_udf.spark.metadata import metadata_of
from elmo_udf.words.occurrences import LABEL, PLACE, Occurrences
from elmo_udf.words.options import SensesOptions


def find(table: DataFrame, options: SensesOptions) -> DataFrame:
    """Returns the word's rows in an embedding table: the columns of PLACE, ``token``, ``embedding`` and maybe LABEL.

    Raises UserError if the table is of another level, or if it does not have the column of labels.
    """
    made = metadata_of(table, "embedding")
    if made is None or made.level != "token":
        found = "unknown" if made is None else made.level
        raise UserError(
            f"table {options.embeddings!r} is of level {found}, expected token; embed the corpus with --level token"
        )
    columns = [*map(F.col, PLACE), F.col("token"), F.col("embedding")]
    if options.label_column is not None:
        label = find_column(table, options.label_column)
        if label is None:
            raise UserError(
                f"label column {options.label_column!r} is not in table {options.embeddings!r}; found "
                f"{', '.join(table.columns)}; keep it with embed.py --keep-columns"
            )
        columns.append(label[0].cast("string").alias(LABEL))
    token, word = F.col("token"), F.lit(options.word)
    return table.select(*columns).where(token == word if options.match_case else F.lower(token) == F.lower(word))


def collect(table: DataFrame, found: DataFrame, most: int) -> Occurrences:
    """Returns the rows of :func:`find`, or ``most`` of them, drawn by a hash that does not depend on partitions."""
    sample = found.orderBy(F.xxhash64(*PLACE), *PLACE).limit(most)
    rows = sample.orderBy(*PLACE).toArrow()
    vectors = rows["embedding"].combine_chunks().flatten().to_numpy().reshape(len(rows), -1).astype(np.float64)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    places = list(zip(rows["id"].to_pylist(), rows["sentence_index"].to_pylist(), strict=True))
    sentences = sentences_at(table, places)
    unit = vectors / np.where(norms > 0, norms, 1)
    return Occurrences(rows.drop_columns("embedding"), unit, [sentences[place] for place in places])
