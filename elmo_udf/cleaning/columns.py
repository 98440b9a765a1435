"""Applies the steps to a Spark column with Spark's own functions, and with a pandas UDF for lemmas only."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F

from elmo_udf.cleaning.lemmas import lemmatize
from elmo_udf.cleaning.options import CleaningOptions
from elmo_udf.cleaning.steps import SPACES, URL
from elmo_udf.text.invisible import INVISIBLE

_DIGITS = r"\p{Nd}+"  # what Python's \d means


def clean_column(text: Column, options: CleaningOptions) -> Column:
    """Returns the text after all steps. NULL stays NULL, and bytes that are not UTF-8 become U+FFFD."""
    cleaned = F.make_valid_utf8(text)
    for step in options.steps:
        cleaned = _after(step, cleaned, options)
    return cleaned


def is_blank(text: Column) -> Column:
    """Returns whether a text is NULL or contains only white space and invisible characters."""
    return text.isNull() | text.rlike(rf"\A[{SPACES}{INVISIBLE}]*\z")


def _after(step: str, text: Column, options: CleaningOptions) -> Column:
    if step == "urls":
        return F.regexp_replace(text, URL, " ")
    if step == "punctuation":
        # no repeated characters: translate takes the first of each, Python's table the last, and they are the same
        return F.translate(text, options.punctuation, options.punctuation_replacement * len(options.punctuation))
    if step == "lowercase":
        return F.lower(text)
    if step == "digits":
        return F.regexp_replace(text, _DIGITS, " ")
    if step == "whitespace":
        return F.trim(F.regexp_replace(text, f"[{SPACES}]+", " "))
    return _lemmas(options.language)(text)


def _lemmas(language: str) -> Callable[[Column], Column]:
    def lemmas(texts: pd.Series) -> pd.Series:
        return texts.map(lambda text: lemmatize(text, language), na_action="ignore")

    lemmas.__annotations__ = {"texts": pd.Series, "return": pd.Series}
    make: Callable[[Column], Column] = F.pandas_udf(lemmas, "string")  # type: ignore[call-overload]  # its stubs know no hints
    return make
