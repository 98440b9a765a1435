"""Texts in, all asked-for layers and poolings of each out, in one pass through the network; no token is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from elmo_udf.embedding.documents import MAX_DOCUMENT_BYTES
from elmo_udf.embedding.pooling import Pool, unit_length
from elmo_udf.embedding.windows import NOT_EVEN_ONE, chunks, that_fit
from elmo_udf.evaluation.views import Layout
from elmo_udf.network.encoder import Encoder
from elmo_udf.text.tokenizer import TokenizedDocument, Tokenizer

WINDOW_BYTES = 2**28
"""About how much the tokens' vectors may hold that are in memory at a time (one sentence at least)."""


@dataclass(frozen=True)
class PooledText:
    """A text's row of numbers, (Layout.row_width,) float32, or the reason why there is none."""

    values: np.ndarray | None
    n_tokens: int
    n_cuts: int = 0
    reason: str | None = None
    detail: str = ""


def pooled_texts(
    texts: Iterable[str],
    encoder: Encoder,
    layout: Layout,
    tokenizer: Tokenizer,
    normalize: bool = False,
    window_bytes: int = WINDOW_BYTES,
) -> Iterator[PooledText]:
    """Embed texts in order. ``normalize`` scales every pooled layer to unit length."""
    most = max(1, window_bytes // (4 * sum(layout.widths)))
    window: list[TokenizedDocument] = []
    n_tokens = 0
    for text in texts:
        window.append(tokenizer(text))
        n_tokens += window[-1].n_tokens
        if n_tokens >= most or len(window) >= most:
            yield from _pool_window(window, encoder, layout, normalize, most)
            window, n_tokens = [], 0
    yield from _pool_window(window, encoder, layout, normalize, most)


def _pool_window(
    window: list[TokenizedDocument], encoder: Encoder, layout: Layout, normalize: bool, most: int
) -> Iterator[PooledText]:
    refusals = [_refusal(text, sum(layout.widths)) for text in window]
    kept = [text for text, refusal in zip(window, refusals, strict=True) if refusal is None]
    rows = iter(that_fit(kept, lambda some: _rows(some, encoder, layout, normalize, most)) if kept else ())
    for text, refusal in zip(window, refusals, strict=True):
        if refusal is not None:
            yield refusal
            continue
        values = next(rows)
        if values is None:
            yield PooledText(None, text.n_tokens, 0, "too_large", NOT_EVEN_ONE)
        elif np.isfinite(values).all():
            yield PooledText(values, text.n_tokens, text.n_cuts)
        else:
            yield PooledText(None, text.n_tokens, 0, "non_finite_vector", "the network's output is not finite")


def _refusal(text: TokenizedDocument, width: int) -> PooledText | None:
    if not text.sentences:
        return PooledText(None, 0, 0, "blank_text", "the text has no token")
    longest = max(map(len, text.sentences))
    if longest * width * 4 > MAX_DOCUMENT_BYTES:  # the network takes a sentence as a whole
        detail = f"{longest} tokens of {width} values in one sentence exceed {MAX_DOCUMENT_BYTES} bytes"
        return PooledText(None, text.n_tokens, 0, "too_large", detail)
    return None


def _rows(texts: list[TokenizedDocument], encoder: Encoder, layout: Layout, normalize: bool, most: int) -> np.ndarray:
    """(n, row_width) float32."""
    pools = {
        (pooling, layer): Pool(len(texts), width, pooling)
        for pooling in layout.poolings
        for layer, width in zip(layout.layers, layout.widths, strict=True)
    }  # in the order of the layout
    groups = np.repeat(np.arange(len(texts)), [text.n_tokens for text in texts])  # (N,)
    done = 0
    for chunk in chunks([sentence for text in texts for sentence in text.sentences], most):
        layers = encoder.layers(chunk, layout.layers)
        here = groups[done : done + sum(map(len, chunk))]
        for (_, layer), pool in pools.items():
            pool.add(layers[layer], here)
        done += len(here)
    results = [pool.result() for pool in pools.values()]
    return np.concatenate([unit_length(rows) if normalize else rows for rows in results], axis=1)
