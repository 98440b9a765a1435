"""How many texts the network is given at a time: pieces of a window, and halves where the device's memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from elmo_udf.network.encoder import OutOfMemory
from elmo_udf.text.tokenizer import Sentence

WINDOW_TOKENS = 65_536
"""Tokens that are embedded together: enough for the network to find sentences of similar length."""

WINDOW_BYTES = 2**28
"""Most that the vectors of these tokens may take, in all layers together (one sentence at least)."""

NOT_EVEN_ONE = "the device's memory does not hold one sentence of it; embed it on another machine"
"""Why a text has no vector where ``that_fit`` has none."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def chunks(sentences: list[Sentence], n_tokens: int) -> Iterator[list[Sentence]]:
    """Runs of sentences of about ``n_tokens`` tokens, so that one huge document stays within memory."""
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
    """The result of each item; None for one that, alone, does not fit into the device's memory."""
    if not items:
        return []
    try:
        return list(compute(items))
    except OutOfMemory:
        if len(items) == 1:
            return [None]
    middle = len(items) // 2
    return that_fit(items[:middle], compute) + that_fit(items[middle:], compute)
