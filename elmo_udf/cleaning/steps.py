"""The steps, str -> str. ``columns`` makes Spark expressions of the same patterns, and a test compares the two.

Python's and Java's regular expressions differ in what ``\\s``, ``\\d`` and case-insensitive matching mean, so the
patterns here name their characters.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from functools import partial

from elmo_udf.cleaning.lemmas import lemmatize
from elmo_udf.errors import UserError

STEPS = ("urls", "punctuation", "lowercase", "digits", "whitespace", "lemmas")
"""Names of all steps, in the order in which they are done by default."""

DEFAULT_PUNCTUATION = "".join(c for c in string.punctuation if c not in "'.,") + "“”„«»‹›–—…¡¿•"
"""Punctuation of ASCII and of typography, but for apostrophes (' and ’), full stops and commas."""

SPACES = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""White space as str.isspace has it, for the inside of a character class."""

URL = rf"""(?:[hH][tT][tT][pP][sS]?://|[fF][tT][pP]://|(?<![A-Za-z0-9])[wW][wW][wW]\.)[^{SPACES}]*[^{SPACES}.,;:!?'")\]]"""
"""From a scheme, or ``www.`` at the beginning of a word, to white space; punctuation at its end is the sentence's."""

_URL = re.compile(URL)
_SPACE = re.compile(f"[{SPACES}]+")
_DIGITS = re.compile(r"\d+")


def remove_urls(text: str) -> str:
    """A space in place of every URL."""
    return _URL.sub(" ", text)


def remove_punctuation(text: str, punctuation: str = DEFAULT_PUNCTUATION, becomes: str = " ") -> str:
    """``becomes`` (a space, or nothing) in place of every character that is in ``punctuation``."""
    return text.translate(dict.fromkeys(map(ord, punctuation), becomes))


def lowercase(text: str) -> str:
    """All letters in lower case, by Unicode's full mapping: some become two characters."""
    return text.lower()


def remove_digits(text: str) -> str:
    """A space in place of every run of decimal digits, of any script."""
    return _DIGITS.sub(" ", text)


def normalize_whitespace(text: str) -> str:
    """One space in place of every run of white space, and none at the ends."""
    return _SPACE.sub(" ", text).strip(" ")


def clean(
    text: str,
    steps: Sequence[str] = STEPS,
    *,
    language: str = "en",
    punctuation: str = DEFAULT_PUNCTUATION,
    becomes: str = " ",
) -> str:
    """The steps, one after the other in the order given. Raises UserError for an unknown step or language."""
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
    """Raises UserError for a step that there is not."""
    for step in steps:
        if step not in STEPS:
            raise UserError(f"step {step!r} is unknown, expected some of {', '.join(STEPS)}; correct --steps")
