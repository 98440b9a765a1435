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
    """Returns the tokens of some sentences of a token table, each at its index, in one pass over the columns of words.

    Tokens that were given empty have no row; they are empty here, too.
    """
    schema = T.StructType([table.schema["id"], table.schema["sentence_index"]])
    wanted = table.sparkSession.createDataFrame(list(dict.fromkeys(places)), schema)
    words = table.select("id", "sentence_index", "token_index", "token")
    tokens: dict[Place, dict[int, str]] = defaultdict(dict)
    for row in words.join(F.broadcast(wanted), ["id", "sentence_index"]).collect():
        tokens[row.id, row.sentence_index][row.token_index] = row.token
    return {place: [found.get(index, "") for index in range(max(found) + 1)] for place, found in tokens.items()}
