"""Character ids against the published program's rules, spelled out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmo_udf.text.characters import (
    BEGIN_OF_SENTENCE_IDS,
    END_OF_SENTENCE_IDS,
    MAX_BYTES,
    character_ids,
    is_truncated,
)


def published_ids(token: bytes) -> list[int]:
    """The rules of the published vocabulary, one byte at a time."""
    cut = token[:48]
    ids = [258, *cut, 259]
    ids += [260] * (50 - len(ids))
    return [i + 1 for i in ids]


def test_ids_of_a_word_are_its_bytes_between_marks() -> None:
    ids = character_ids(["cat"])
    assert ids.shape == (1, 50) and ids.dtype == np.int32
    assert ids[0].tolist() == [259, 100, 98, 117, 260] + [261] * 45


def test_sentence_boundaries_are_words_of_one_mark() -> None:
    assert BEGIN_OF_SENTENCE_IDS.tolist() == [259, 257, 260] + [261] * 47
    assert END_OF_SENTENCE_IDS.tolist() == [259, 258, 260] + [261] * 47
    assert BEGIN_OF_SENTENCE_IDS.dtype == END_OF_SENTENCE_IDS.dtype == np.int32


@given(st.lists(st.text(max_size=90), max_size=20))
def test_ids_follow_the_published_rules(tokens: list[str]) -> None:
    expected = [published_ids(token.encode()) for token in tokens]
    assert character_ids(tokens).tolist() == expected
    assert [is_truncated(token) for token in tokens] == [len(token.encode()) > 48 for token in tokens]


def test_no_tokens_give_no_rows() -> None:
    assert character_ids([]).shape == (0, 50)


@pytest.mark.parametrize("n", [MAX_BYTES - 1, MAX_BYTES, MAX_BYTES + 1, 1000])
def test_long_tokens_keep_their_first_48_bytes(n: int) -> None:
    ids = character_ids(["x" * n])[0]
    assert (ids == ord("x") + 1).sum() == min(n, MAX_BYTES)
    assert is_truncated("x" * n) == (n > MAX_BYTES)


def test_a_cut_may_fall_inside_a_character() -> None:
    token = "é" * 23 + "€€"  # 46 bytes, then three bytes of which two are seen
    assert character_ids([token])[0, 1:49].tolist() == [b + 1 for b in token.encode()[:48]]
    assert is_truncated(token)


def test_an_empty_token_is_two_marks() -> None:
    assert character_ids([""])[0].tolist() == [259, 260] + [261] * 48


def test_marks_that_are_written_out_are_words() -> None:
    """AllenNLP's indexer would give these two tokens the ids of the boundaries; docs/embed.md tells the difference."""
    assert character_ids(["<S>", "</S>"]).tolist() == [published_ids(b"<S>"), published_ids(b"</S>")]


def test_lone_surrogates_have_ids_of_their_own() -> None:
    ids = character_ids(["a\ud800", "a\udfff", "a?"])
    assert len({tuple(row) for row in ids.tolist()}) == 3
    assert ids[0, :6].tolist() == [259, 98, 0xED + 1, 0xA0 + 1, 0x80 + 1, 260]
    assert not is_truncated("\ud800")
