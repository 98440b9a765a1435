"""Tokens as the network reads them: 50 character ids each (the published code calls bytes characters)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MAX_BYTES = 48
"""Bytes of a token that the network sees; what follows them is cut off, even inside a character."""
N_POSITIONS = MAX_BYTES + 2
"""Character positions of a token: its bytes between a begin-of-word and an end-of-word mark."""

# Every id is one more than the published program's constant (256, 257, 258, 259, 260), so that 0 is "no token".
BEGIN_OF_SENTENCE, END_OF_SENTENCE, BEGIN_OF_WORD, END_OF_WORD, PADDING = range(257, 262)


def character_ids(tokens: Sequence[str]) -> np.ndarray:
    """Ids of the characters of ``tokens``: (n,) str -> (n, 50) int32, each id in 1 .. 261.

    A row is begin-of-word, up to 48 bytes of the token's UTF-8 (byte + 1), end-of-word, then padding
    (Peters et al. 2018; bilm-tf's UnicodeCharsVocabulary). Every str has ids: a lone surrogate is encoded as
    the three bytes UTF-8 would give it, and an empty token is the two word marks with nothing between them.
    """
    encoded = [token.encode("utf-8", "surrogatepass")[:MAX_BYTES] for token in tokens]
    n_bytes = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))  # (n,)
    ids = np.full((len(encoded), N_POSITIONS), PADDING, dtype=np.int32)
    ids[:, 0] = BEGIN_OF_WORD
    is_byte = np.arange(MAX_BYTES) < n_bytes[:, np.newaxis]  # (n, 48)
    ids[:, 1:-1][is_byte] = np.frombuffer(b"".join(encoded), dtype=np.uint8).astype(np.int32) + 1
    ids[np.arange(len(encoded)), n_bytes + 1] = END_OF_WORD
    return ids


def is_truncated(token: str) -> bool:
    """Whether ``token`` has more bytes of UTF-8 than the network sees (48)."""
    # A character has at most 4 bytes, so most tokens need not be encoded to know.
    return len(token) * 4 > MAX_BYTES and len(token.encode("utf-8", "surrogatepass")) > MAX_BYTES


def _boundary_ids(mark: int) -> np.ndarray:
    """Ids of a token that has ``mark`` as its only character: (50,) int32, read-only."""
    ids = np.full(N_POSITIONS, PADDING, dtype=np.int32)
    ids[:3] = BEGIN_OF_WORD, mark, END_OF_WORD
    ids.flags.writeable = False
    return ids


BEGIN_OF_SENTENCE_IDS = _boundary_ids(BEGIN_OF_SENTENCE)
"""(50,) int32: the token before a sentence."""
END_OF_SENTENCE_IDS = _boundary_ids(END_OF_SENTENCE)
"""(50,) int32: the token after a sentence."""
