"""Makes the input of a training step: a window over many streams of sentences, in both directions."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from elmo_udf.text.characters import BEGIN_OF_SENTENCE_IDS, END_OF_SENTENCE_IDS, character_ids
from elmo_udf.training.vocabulary import Mark, Vocabulary

Row = tuple[list[list[Hashable]], list[bool], list[bool]]
"""One stream's part of a window: tokens and targets, forward and backward; sentence starts; and what counts."""


@dataclass(frozen=True)
class Window:
    """T steps of B streams, each in two directions. A step predicts the token that its direction reads next.

    Direction 0 reads from begin of sentence to the last token, direction 1 from end of sentence to the first.
    """

    characters: np.ndarray
    """The character ids of the distinct tokens, the two marks first: int32, shape (V, 50)."""
    tokens: np.ndarray
    """The tokens to read, as rows of ``characters``: int32, shape (2, T, B)."""
    targets: np.ndarray
    """The words to predict, as ids of the vocabulary: int32, shape (2, T, B)."""
    starts: np.ndarray
    """Whether a sentence begins here, in both directions at once: bool, shape (T, B)."""
    counts: np.ndarray
    """Whether there is a word to predict: bool, shape (T, B). If not, the stream has ended."""


class Streams:
    """Distributes sentences to B streams. Each stream reads one sentence after another, T steps at a time."""

    def __init__(self, source: Iterator[list[str]], n_streams: int, n_steps: int) -> None:
        """``source`` yields sentences, none of them empty. A stream takes the next one after it has read its own."""
        self._source, self._n_streams, self._n_steps = source, n_streams, n_steps
        self.n_taken = 0
        """The number of sentences taken from the source so far."""
        self._open: list[tuple[list[str], int]] = [([], 0)] * n_streams  # a sentence, and how much of it was read

    def position(self) -> dict[str, Any]:
        """Returns the positions of the streams, with values for JSON."""
        return {"n_taken": self.n_taken, "open": self._open}

    def resume(self, position: dict[str, Any]) -> None:
        """Continues from :meth:`position`. The source must begin with sentence number ``n_taken``."""
        self.n_taken, self._open = position["n_taken"], [(list(tokens), done) for tokens, done in position["open"]]

    def windows(self, vocabulary: Vocabulary) -> Iterator[Window]:
        """Yields windows until the source ends."""
        while True:
            rows = [self._row(i) for i in range(self._n_streams)]
            if not any(any(row[2]) for row in rows):
                return
            yield _window(rows, vocabulary)

    def _row(self, i: int) -> Row:
        """Returns T steps of stream ``i``."""
        read: list[list[Hashable]] = [[], [], [], []]
        starts: list[bool] = []
        tokens, done = self._open[i]
        while len(starts) < self._n_steps:
            if done == len(tokens) + 1 or not tokens:
                tokens, done = next(self._source, []), 0
                if not tokens:
                    break
                self.n_taken += 1
            end = min(len(tokens) + 1, done + self._n_steps - len(starts))
            backwards = tokens[::-1]
            for part, steps in zip(
                read,
                ([Mark.BEGIN, *tokens], [*tokens, Mark.END], [Mark.END, *backwards], [*backwards, Mark.BEGIN]),
                strict=True,
            ):
                part += steps[done:end]
            starts += [step == 0 for step in range(done, end)]
            done = end
        self._open[i] = (tokens, done)
        n, missing = len(starts), self._n_steps - len(starts)
        padded = [[*part, *[Mark.BEGIN] * missing] for part in read]
        return padded, [*starts, *[True] * missing], [True] * n + [False] * missing


def _window(rows: list[Row], vocabulary: Vocabulary) -> Window:
    """Returns the rows of all streams side by side."""
    index: dict[Hashable, int] = {Mark.BEGIN: 0, Mark.END: 1}

    def numbered(part: int) -> np.ndarray:
        return np.array([[index.setdefault(token, len(index)) for token in row[0][part]] for row in rows], np.int32).T

    def predicted(part: int) -> np.ndarray:
        return np.array([vocabulary.ids(row[0][part]) for row in rows], np.int32).T

    tokens = np.stack([numbered(0), numbered(2)])
    distinct = [str(token) for token in list(index)[2:]]
    return Window(
        characters=np.concatenate([[BEGIN_OF_SENTENCE_IDS, END_OF_SENTENCE_IDS], character_ids(distinct)]),
        tokens=tokens,
        targets=np.stack([predicted(1), predicted(3)]),
        starts=np.array([row[1] for row in rows], bool).T,
        counts=np.array([row[2] for row in rows], bool).T,
    )
