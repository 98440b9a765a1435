"""What the network computes and what it need not: batches, forests of states, vectors of distinct words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmo_udf.network.batches import batches
from elmo_udf.network.forest import Levels, plant
from elmo_udf.network.words import MAX_POSITIONS, WordVectors, needed_positions
from elmo_udf.text.characters import character_ids

SENTENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), min_size=1, max_size=30)


def one_by_one(function: Callable[[Any], None], items: Iterable[Any]) -> None:
    for item in items:
        function(item)


def parts(sentences: list[list[int]], max_nodes: int, backward: bool, share: bool) -> list[Levels]:
    ids = np.array([token for sentence in sentences for token in sentence])
    lengths = np.array([len(sentence) for sentence in sentences])
    return list(plant(ids, lengths, max_nodes, backward=backward, share=share))


def readings(found: list[Levels]) -> dict[int, tuple[int, ...]]:
    """What each token's node has read, from the first token on, by following parents from the top."""
    before: list[tuple[int, ...]] = [()]
    read_at: dict[int, tuple[int, ...]] = {}
    for levels in found:
        read: list[tuple[int, ...]] = []
        for tokens, parents in zip(
            np.split(levels.tokens, np.cumsum(levels.sizes)[:-1]),
            np.split(levels.parents, np.cumsum(levels.sizes)[:-1]),
            strict=True,
        ):
            before = [(*before[parent], int(token)) for token, parent in zip(tokens, parents, strict=True)]
            read += before
        for position, node in zip(levels.positions, levels.nodes, strict=True):
            assert position not in read_at
            read_at[int(position)] = read[node]
    return read_at


@given(SENTENCES, st.integers(1, 40), st.booleans(), st.booleans())
def test_every_token_has_the_state_of_what_was_read(
    sentences: list[list[int]], max_nodes: int, backward: bool, share: bool
) -> None:
    expected = [
        tuple(sentence[: i + 1]) if not backward else tuple(sentence[i:][::-1])
        for sentence in sentences
        for i in range(len(sentence))
    ]
    found = parts(sentences, max_nodes, backward, share)
    assert readings(found) == dict(enumerate(expected))
    n_nodes = sum(len(levels.tokens) for levels in found)
    assert n_nodes == (len(set(expected)) if share else len(expected))  # nothing twice, and never any padding
    assert all(len(levels.tokens) <= max_nodes or len(levels.sizes) == 1 for levels in found)


def test_repeated_sentences_cost_nothing() -> None:
    text = [["a", "b", "c"], ["a", "c"], ["b"]]
    (once,), (ten_times,) = list(batches(text, 3)), list(batches(text * 10, 3))
    assert len(once.ids) == 6 and len(ten_times.ids) == 60
    for backward in (False, True):
        (a,), (b,) = (list(plant(x.ids, x.lengths, 100, backward=backward)) for x in (once, ten_times))
        assert a.sizes.tolist() == b.sizes.tolist()
        assert len(b.nodes) == 10 * len(a.nodes)


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), max_size=40), st.integers(1, 7))
def test_batches_hold_every_token_once_and_are_bounded(sentences: list[list[str]], max_sentences: int) -> None:
    text = [token for sentence in sentences for token in sentence]
    found = list(batches(sentences, max_sentences))
    restored = [""] * len(text)
    for batch in found:
        assert len(set(batch.vocabulary)) == len(batch.vocabulary)
        tokens = np.array(batch.vocabulary)[batch.ids]
        distinct = {tuple(sentence) for sentence in np.split(tokens, np.cumsum(batch.lengths)[:-1])}
        assert len(distinct) <= max_sentences
        for position, token in zip(batch.positions, tokens, strict=True):
            assert not restored[position]
            restored[position] = token
    assert restored == text
    lengths = [int(n) for batch in found for n in batch.lengths]
    assert lengths == sorted(lengths, reverse=True)
    n_distinct = len(set(map(tuple, sentences)))
    assert len(found) == -(-n_distinct // max_sentences)


def test_a_word_is_computed_once_on_the_positions_it_needs() -> None:
    computed: list[tuple[int, int]] = []

    def compute(ids: np.ndarray) -> np.ndarray:
        computed.append(ids.shape)
        return ids[:, :3].sum(axis=1, keepdims=True)

    words = WordVectors(compute, width=1, widest_filter=3, max_words=4, at_once=one_by_one)
    first = words.of_tokens(["a", "b" * 10, "c"])
    assert computed == [(3, 15)] and first.shape == (3, 1)
    np.testing.assert_array_equal(words.of_tokens(["c", "a", "d"]), words.of_ids(character_ids(["c", "a", "d"])))
    assert computed[1] == (1, 6)  # "d": a byte, two marks, and one window of padding
    computed.clear()
    words.of_tokens(["e"])  # a fifth word: the memory starts again
    words.of_tokens(["e"])
    assert computed == [(1, 6)]


def test_positions_needed_are_those_until_one_window_of_padding() -> None:
    ids = character_ids(["", "a", "x" * 41, "x" * 42, "x" * 48, "x" * 99])
    assert needed_positions(ids, widest_filter=7).tolist() == [9, 10, 50, 50, 50, 50]


def test_batches_of_words_are_bounded() -> None:
    shapes: list[tuple[int, int]] = []

    def compute(ids: np.ndarray) -> np.ndarray:
        shapes.append(ids.shape)
        return np.zeros((len(ids), 1))

    n_words = 5000
    WordVectors(compute, 1, 7, 0, one_by_one).of_ids(character_ids([str(i) * (i % 9) for i in range(n_words)]))
    assert len(shapes) > 2 and sum(n for n, _ in shapes) == n_words
    assert max(n * width for n, width in shapes) <= MAX_POSITIONS


def test_a_second_start_keeps_the_settings_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    from elmo_udf.network.runtime import start_tensorflow

    tf = start_tensorflow()
    tf.constant(1) + 1  # running now
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    assert start_tensorflow(threads or None) is tf and not caplog.records
    start_tensorflow(threads + 3)
    assert "already running" in caplog.text
    assert tf.config.threading.get_intra_op_parallelism_threads() == threads
