"""Tokenizes a column of texts on Spark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.text.tokenizer import Sentence, Tokenizer


def of_tokens(
    text: Column, tokenizer: Tokenizer, function: Callable[[list[Sentence]], Any], kind: str | T.DataType
) -> Column:
    """Returns ``function`` of the sentences of each text, as a column of type ``kind``. Texts may be tokens already."""

    def apply(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        for batch in batches:
            yield pd.Series([function(tokenizer(text).sentences) for text in batch], dtype=object)

    apply.__annotations__ = {"batches": Iterator[pd.Series], "return": Iterator[pd.Series]}
    make: Any = F.pandas_udf(apply, kind)  # type: ignore[call-overload]  # its stubs know no hints
    column: Column = make(text)
    return column
