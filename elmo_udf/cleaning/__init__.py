"""Cleans texts in steps. The steps are functions of a string here, and expressions of a Spark column in ``columns``."""

from elmo_udf.cleaning.lemmas import lemmatize
from elmo_udf.cleaning.steps import (
    DEFAULT_PUNCTUATION,
    STEPS,
    clean,
    lowercase,
    normalize_whitespace,
    remove_digits,
    remove_punctuation,
    remove_urls,
)

__all__ = [
    "DEFAULT_PUNCTUATION",
    "STEPS",
    "clean",
    "lemmatize",
    "lowercase",
    "normalize_whitespace",
    "remove_digits",
    "remove_punctuation",
    "remove_urls",
]
