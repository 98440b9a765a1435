r"""Cleans strings, step by step. ``columns`` uses the same patterns in Spark, and a test compares the two.

Regular expressions in Python and Java interpret ``\s``, ``\d`` and case-insensitive matching differently. So the
patterns here list their characters.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from functools import partial

from elmo_udf.cleaning.lemmas import lemmatize
from elmo_udf.errors import UserError

STEPS = ("urls", "punctuation", "lowercase", "digits", "whitespace", "lemmas")
"""The names of all steps, in their default order."""

DEFAULT_PUNCTUATION = "".join(c for c in string.punctuation if c not in "'.,") + "“”„«»‹›–—…¡¿•"
"""Punctuation in ASCII and in typography, except apostrophes (' and ’), full stops and commas."""

SPACES = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""White space as in str.isspace, to be used inside of a character class."""

URL = rf"""(?:[hH][tT][tT][pP][sS]?://|[fF][tT][pP]://|(?<![A-Za-z0-9])[wW][wW][wW]\.)[^{SPACES}]*[^{SPACES}.,;:!?'")\]]"""
"""A URL: it starts with a scheme, or with ``www.`` at the beginning of a word, and ends at white space.

Punctuation at its end belongs to the sentence.
"""

_URL = re.compile(URL)
_SPACE = re.compile(f"[{SPACES}]+")
_DIGITS = re.compile(r"\d+")


def remove_urls(text: str) -> str:
    """Returns the text with every URL replaced by a space."""
    return _URL.sub(" ", text)


def remove_punctuation(text: str, punctuation: str = DEFAULT_PUNCTUATION, becomes: str = " ") -> str:
    """Returns the text with every character of ``punctuation`` replaced by ``becomes``, a space or nothing."""
    return text.translate(dict.fromkeys(map(ord, punctuation), becomes))


def lowercase(text: str) -> str:
    """Returns the text in lower case, by Unicode's full mapping, in which some letters become two characters."""
    return text.lower()


def remove_digits(text: str) -> str:
    """Returns the text with every run of decimal digits, of any script, replaced by a space."""
    return _DIGITS.sub(" ", text)


def normalize_whitespace(text: str) -> str:
    """Returns the text with every run of white space replaced by one space, and without white space at both ends."""
    return _SPACE.sub(" ", text).strip(" ")


def clean(
    text: str,
    steps: Sequence[str] = STEPS,
    *,
    language: str = "en",
    punctuation: str = DEFAULT_PUNCTUATION,
    becomes: str = " ",
) -> str:
    """Returns the text after all steps, in the given order. Raises UserError for an unknown step or language."""
    check_steps(steps)
    functions: dict[str, Callable[[str], str]] = {
        "urls": remove_urls,
        "punctuation": partial(remove_punctuation, punctuation=punctuation, becomes=becomes),
        "lowercase": lowercase,
        "digits": remove_digits,
        "whitespace": normalize_whitespace,
        "lemmas": partial(lemmatize, language=language),
    }
    for step in steps:
        text = functions[step](text)
    return text


def check_steps(steps: Sequence[str]) -> None:
    """Raises UserError for an unknown step."""
    for step in steps:
        if step not in STEPS:
            raise UserError(f"step {step!r} is unknown, expected steps out of {', '.join(STEPS)}; correct --steps")
