"""What training reads: sentences in the order of an epoch, dealt out to streams, in windows of both directions."""

from __future__ import annotations

import json
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_udf.errors import UserError
from elmo_udf.text.characters import BEGIN_OF_SENTENCE_IDS, END_OF_SENTENCE_IDS, character_ids
from elmo_udf.training.sentences import COLUMN, files_of, sentences, shuffled
from elmo_udf.training.vocabulary import Mark, Vocabulary
from elmo_udf.training.windows import Streams

WORDS = ["a", "bb", "ccc", "d", "<S>", "é"]
SENTENCES = st.lists(st.lists(st.sampled_from([*WORDS, "rare"]), min_size=1, max_size=9), min_size=1, max_size=12)
VOCABULARY = Vocabulary([word for word in WORDS if word != "<S>"])


def write(folder: Path, parts: list[list[list[str]]]) -> list[Path]:
    folder.mkdir()
    for i, part in enumerate(parts):
        pq.write_table(pa.table({COLUMN: pa.array(part, pa.list_(pa.string()))}), folder / f"{i}.parquet")
    return files_of(folder)


def read_back(windows: list, direction: int, n_streams: int) -> list[list[tuple[bytes, int, bool]]]:  # type: ignore[type-arg]
    """Of each stream: what was read (its character ids), the target and whether a sentence began, step after step."""
    streams: list[list[tuple[bytes, int, bool]]] = [[] for _ in range(n_streams)]
    for window in windows:
        for i, stream in enumerate(streams):
            for t in np.flatnonzero(window.counts[:, i]):
                ids = window.characters[window.tokens[direction, t, i]]
                stream.append((ids.tobytes(), int(window.targets[direction, t, i]), bool(window.starts[t, i])))
    return streams


@settings(max_examples=60, deadline=None)
@given(SENTENCES, st.integers(1, 4), st.integers(1, 6))
def test_every_sentence_is_read_once_in_both_directions(text: list[list[str]], n_streams: int, n_steps: int) -> None:
    windows = list(Streams(iter(text), n_streams, n_steps).windows(VOCABULARY))
    begin, end = BEGIN_OF_SENTENCE_IDS.tobytes(), END_OF_SENTENCE_IDS.tobytes()
    for direction, (first, last) in enumerate((((begin, 0), (end, 1)), ((end, 1), (begin, 0)))):
        expected = []
        for tokens in text:
            ordered = tokens if direction == 0 else tokens[::-1]
            read = [first[0], *(character_ids([token]).astype(np.int32).tobytes() for token in ordered)]
            predicted = [*(VOCABULARY.ids([token])[0] for token in ordered), last[1]]
            expected.append([(r, p, i == 0) for i, (r, p) in enumerate(zip(read, predicted, strict=True))])
        found = []
        for stream in read_back(windows, direction, n_streams):
            starts = [i for i, step in enumerate(stream) if step[2]]
            found += [stream[a:b] for a, b in pairwise([*starts, len(stream)])]
        assert sorted(found) == sorted(expected)


@settings(max_examples=40, deadline=None)
@given(SENTENCES, st.integers(1, 3), st.integers(1, 5), st.integers(0, 4))
def test_streams_go_on_where_they_stood(text: list[list[str]], n_streams: int, n_steps: int, n: int) -> None:
    whole = list(Streams(iter(text), n_streams, n_steps).windows(VOCABULARY))
    first = Streams(iter(text), n_streams, n_steps)
    list(islice(first.windows(VOCABULARY), n))
    position = json.loads(json.dumps(first.position()))
    second = Streams(iter(text[position["n_taken"] :]), n_streams, n_steps)
    second.resume(position)
    rest = list(second.windows(VOCABULARY))
    assert len(rest) == max(0, len(whole) - n)
    for left, right in zip(rest, whole[n:], strict=True):
        assert np.array_equal(left.targets, right.targets) and np.array_equal(left.starts, right.starts)
        assert np.array_equal(left.characters[left.tokens], right.characters[right.tokens])


def test_epochs_differ_and_hold_every_sentence(tmp_path: Path) -> None:
    text = [[f"s{i}"] * (1 + i % 3) for i in range(23)]
    files = write(tmp_path / "train", [text[:9], text[9:9], text[9:]])
    assert list(sentences(files)) == text
    epochs = [list(islice(shuffled(files, 5, start), 23)) for start in (0, 23)]
    assert epochs[0] != epochs[1] and epochs[0] != text
    assert all(sorted(epoch) == sorted(text) for epoch in epochs)
    assert list(islice(shuffled(files, 5), 46)) == epochs[0] + epochs[1]
    for start in (1, 8, 22, 30):
        assert list(islice(shuffled(files, 5, start), 10)) == (epochs[0] + epochs[1])[start : start + 10]
    assert list(islice(shuffled(files, 6), 23)) != epochs[0], "the seed decides"
    assert list(shuffled(write(tmp_path / "none", [[]]), 1)) == []


def test_vocabulary_keeps_marks_apart_from_words(tmp_path: Path) -> None:
    vocabulary = Vocabulary(["the", "\ud800", "x\x85y"])
    vocabulary.write(tmp_path / "v.txt")
    again = Vocabulary.read(tmp_path / "v.txt")
    assert again.words == ("<S>", "</S>", "<UNK>", "the", "\ud800", "x\x85y")
    assert again.ids([Mark.BEGIN, Mark.END, "the", "<S>", "</S>", "<UNK>", "other"]) == [0, 1, 3, 2, 2, 2, 2]
    (tmp_path / "bad.txt").write_text("the\nof\n")
    with pytest.raises(UserError, match="begins with"):
        Vocabulary.read(tmp_path / "bad.txt")
    with pytest.raises(UserError, match="can't be read"):
        Vocabulary.read(tmp_path / "absent.txt")
