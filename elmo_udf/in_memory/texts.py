"""Checks what users pass as texts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from elmo_udf.errors import UserError


def list_of_texts(texts: Iterable[Any]) -> list[Any]:
    """Returns the texts as a list, in which every missing value (NaN and pandas.NA too) is None.

    Raises UserError for anything that is not a text, a list of tokens or a list of tokenized sentences.
    """
    n_dimensions = getattr(texts, "ndim", 1)
    if isinstance(texts, str | bytes | dict) or not isinstance(texts, Iterable) or n_dimensions != 1:
        kind = f"{type(texts).__name__} of {n_dimensions} dimensions" if n_dimensions != 1 else type(texts).__name__
        raise UserError(f"texts are a {kind}, expected strings in a list or in one column, such as frame['text']")
    return [_text(i, text) for i, text in enumerate(texts)]


def _text(i: int, text: Any) -> Any:
    if isinstance(text, str):
        return text
    if text is None or type(text).__name__ == "NAType" or (isinstance(text, float) and math.isnan(text)):
        return None
    if isinstance(text, list | tuple) and all(_is_token(part) or _is_sentence(part) for part in text):
        return text
    raise UserError(
        f"text {i} (counted from 0) is {type(text).__name__}, expected a string, a list of tokens or a list of "
        "tokenized sentences; convert it, for example with str()"
    )


def _is_token(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_sentence(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_token, value))
