"""Converts tokens to the ids that the network reads: 50 per token (the published code calls bytes characters)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MAX_BYTES = 48
"""Number of bytes of a token that the network reads. Longer tokens are cut, even inside of a character."""
N_POSITIONS = MAX_BYTES + 2
"""Number of ids of a token: its bytes, one id for the beginning of the word and one for its end."""

# Every id is one more than the published program's constant (256, 257, 258, 259, 260), so that 0 is "no token".
BEGIN_OF_SENTENCE, END_OF_SENTENCE, BEGIN_OF_WORD, END_OF_WORD, PADDING = range(257, 262)


def character_ids(tokens: Sequence[str]) -> np.ndarray:
    """Returns the character ids of ``tokens``: n strings give an int32 array of shape (n, 50) with values 1 to 261.

    A row contains begin-of-word, up to 48 bytes of the token's UTF-8 (each byte + 1), end-of-word, and padding (Peters
    et al. 2018; UnicodeCharsVocabulary in bilm-tf). Every string has ids: a lone surrogate is encoded as the three
    bytes that UTF-8 would give it, and an empty token consists of the two word marks only.
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
    """Returns whether the UTF-8 of ``token`` has more than 48 bytes, so that the network does not read all of it."""
    # A character has at most 4 bytes, so most tokens need not be encoded to know.
    return len(token) * 4 > MAX_BYTES and len(token.encode("utf-8", "surrogatepass")) > MAX_BYTES


def _boundary_ids(mark: int) -> np.ndarray:
    """Returns the ids of a token whose only character is ``mark``: int32, shape (50,), read-only."""
    ids = np.full(N_POSITIONS, PADDING, dtype=np.int32)
    ids[:3] = BEGIN_OF_WORD, mark, END_OF_WORD
    ids.flags.writeable = False
    return ids


BEGIN_OF_SENTENCE_IDS = _boundary_ids(BEGIN_OF_SENTENCE)
"""Ids of the token before a sentence: int32, shape (50,)."""
END_OF_SENTENCE_IDS = _boundary_ids(END_OF_SENTENCE)
"""Ids of the token after a sentence: int32, shape (50,)."""
