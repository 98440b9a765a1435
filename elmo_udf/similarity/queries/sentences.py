"""Puts together the sentences to which rows of a token table belong, from the table itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

Place = tuple[Any, int]
"""The id of a document, and the index of a sentence in it."""


def sentences_at(table: DataFrame, places: Iterable[Place]) -> dict[Place, list[str]]:
    """Returns the tokens of some sentences of a token table, in one pass over its columns of words."""
    schema = T.StructType([table.schema["id"], table.schema["sentence_index"]])
    wanted = table.sparkSession.createDataFrame(list(dict.fromkeys(places)), schema)
    words = table.select("id", "sentence_index", "token_index", "token")
    tokens: dict[Place, dict[int, str]] = defaultdict(dict)
    for row in words.join(F.broadcast(wanted), ["id", "sentence_index"]).collect():
        tokens[row.id, row.sentence_index][row.token_index] = row.token
    return {place: [found[index] for index in sorted(found)] for place, found in tokens.items()}
