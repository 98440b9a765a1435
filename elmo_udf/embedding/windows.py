"""Limits the number of texts that the network gets at a time, and halves it if the device's memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from elmo_udf.network.encoder import OutOfMemory
from elmo_udf.text.tokenizer import Sentence

WINDOW_TOKENS = 65_536
"""Number of tokens that are embedded together, so that the network finds sentences of similar length."""

WINDOW_BYTES = 2**28
"""Largest size of the vectors of these tokens in all layers together (but at least one sentence)."""

NOT_EVEN_ONE = "the device's memory does not hold one sentence of it; embed it on another machine"
"""The reason why a text has no vector if ``that_fit`` returns none."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def chunks(sentences: list[Sentence], n_tokens: int) -> Iterator[list[Sentence]]:
    """Yields runs of sentences of about ``n_tokens`` tokens, so that one huge document fits into memory."""
    chunk: list[Sentence] = []
    n = 0
    for sentence in sentences:
        chunk.append(sentence)
        n += len(sentence)
        if n >= n_tokens:
            yield chunk
            chunk, n = [], 0
    if chunk:
        yield chunk


def that_fit(items: list[Item], compute: Callable[[list[Item]], Iterable[Result]]) -> list[Result | None]:
    """Returns the result of each item, or None for an item that does not fit into the device's memory on its own."""
    if not items:
        return []
    try:
        return list(compute(items))
    except OutOfMemory:
        if len(items) == 1:
            return [None]
    middle = len(items) // 2
    return that_fit(items[:middle], compute) + that_fit(items[middle:], compute)
