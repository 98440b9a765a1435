"""Finds text that nobody can see, and removes hints about line breaks and directions from words."""

from __future__ import annotations

import re

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Characters that are not shown: Unicode's Default_Ignorable_Code_Point, as ranges within a regular expression's []."""

_VISIBLE = re.compile(rf"[^\s{INVISIBLE}]")
_HINTS = re.compile("[\u00ad\u061c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
"""Soft hyphens, word joiners, byte order marks, and marks of direction. Joiners of letters and emoji are no hints."""


def is_visible(text: str) -> bool:
    """Returns whether there is anything in a text but white space and invisible characters."""
    return _VISIBLE.search(text) is not None


def without_hints(text: str) -> str:
    """Returns a text whose words are without hints, which are no letters of them. A zero-width space is a space."""
    return text if text.isascii() else _HINTS.sub("", text).replace("\u200b", " ")
