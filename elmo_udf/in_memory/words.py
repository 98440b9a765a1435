"""Finds the words that are nearest to a word."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from elmo_udf.errors import UserError
from elmo_udf.in_memory.cosines import cosines


class Occurrence(NamedTuple):
    """A word in a text."""

    word: str
    cosine: float
    text: Any
    """The text as it was given."""
    position: int
    """The index of the token in the text, counted from 0."""


def position_of(word: str, tokens: list[str]) -> int:
    """Returns the index of the first token that is ``word``, or else of one that differs in its case only."""
    alike = [token.casefold() == word.casefold() for token in tokens]
    if any(alike):
        return tokens.index(word) if word in tokens else alike.index(True)
    raise UserError(f"the context has no token {word!r}, found {' '.join(tokens)}; expected the word as a token of it")


def nearest_words(vector: np.ndarray, words: list[str], vectors: np.ndarray, k: int) -> list[tuple[str, float]]:
    """Returns the k words whose ``vectors`` (W, D) are nearest to ``vector`` (1, D), with their cosines."""
    scores = cosines(vector, vectors)[0]
    best = np.argsort(-scores, kind="stable")[:k]
    return [(words[i], float(scores[i])) for i in best]


def nearest_occurrences(
    vector: np.ndarray, texts: Iterable[tuple[Any, list[str], np.ndarray]], k: int, itself: tuple[Any, int]
) -> list[Occurrence]:
    """Returns the k tokens nearest to ``vector`` (1, D) of texts with their tokens and vectors (T, D).

    ``itself`` is a text and the position of the token that is left out.
    """

    def occurrences() -> Iterator[Occurrence]:
        for text, tokens, vectors in texts:
            scores = cosines(vector, vectors)[0]
            for position, (token, score) in enumerate(zip(tokens, scores, strict=True)):
                if (text, position) != itself:
                    yield Occurrence(token, float(score), text, position)

    return heapq.nlargest(k, occurrences(), key=lambda occurrence: occurrence.cosine)
