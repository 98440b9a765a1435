"""Shows a word together with its neighbors in the sentence."""

from __future__ import annotations

from collections.abc import Sequence

AROUND = 10
"""Number of tokens shown before and after a word."""


def in_context(sentence: Sequence[str], token_index: int, around: int = AROUND) -> str:
    """Returns the token in brackets with ``around`` tokens on each side: "… on the [bank] of the river …"."""
    start, stop = max(0, token_index - around), min(len(sentence), token_index + around + 1)
    words = [*sentence[start:token_index], f"[{sentence[token_index]}]", *sentence[token_index + 1 : stop]]
    shown = [*(["…"] if start else []), *words, *(["…"] if stop < len(sentence) else [])]
    return " ".join(filter(None, shown))  # a token that was given empty has no word
