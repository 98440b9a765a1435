"""Static word vectors: the text formats of word2vec, GloVe and fastText, and files that are broken."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elmo_udf.study.static_vectors import read_vectors, width_of_vectors
from tests.refusals import refused

PLAIN = "the 0.5 -1 2e-1\ncat 1 2 3\nCat 4 5 6\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("glove.txt", PLAIN),
        ("word2vec.txt", "3 3\n" + PLAIN),
        ("fasttext.vec", "3 3\n" + PLAIN.replace("\n", " \n")),
        ("windows.txt", PLAIN.replace("\n", "\r\n")),
        ("no-end.txt", PLAIN.rstrip("\n")),
    ],
)
@pytest.mark.parametrize(("suffix", "opened"), [("", open), (".gz", gzip.open), (".xz", lzma.open)])
def test_formats(tmp_path: Path, name: str, text: str, suffix: str, opened: Callable[..., object]) -> None:
    path = tmp_path / (name + suffix)
    with opened(path, "wb") as file:  # type: ignore[attr-defined]
        file.write(text.encode())
    vectors = read_vectors(path)
    assert (vectors.width, vectors.n_words, vectors.n_repeated) == (3, 3, 0)
    assert width_of_vectors(path) == 3
    found = vectors.matrix[vectors.rows_of(["the", "Cat", "cat", "CAT", "dog"])]
    np.testing.assert_array_equal(
        found, np.array([[0.5, -1, 0.2], [4, 5, 6], [1, 2, 3], [1, 2, 3], [0, 0, 0]], np.float32)
    )


def test_only_wanted_words_are_kept(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text(PLAIN)
    vectors = read_vectors(tmp_path / "v.txt", {"cat", "dog"})
    assert (vectors.rows, vectors.matrix.shape, vectors.n_words) == ({"cat": 1}, (2, 3), 3)


def test_words_may_hold_spaces_and_white_space_of_other_alphabets(tmp_path: Path) -> None:
    """As they do in GloVe's files of Common Crawl; str's idea of a line would cut such files elsewhere."""
    words = [". . .", "\u00a0", "\u0085", "a\u2028b", "कुत्ता"]
    lines = ["one 1 2"] + [f"{word} {i} 7" for i, word in enumerate(words)]
    (tmp_path / "v.txt").write_bytes("\n".join(lines).encode())
    vectors = read_vectors(tmp_path / "v.txt")
    np.testing.assert_array_equal(vectors.matrix[vectors.rows_of(words), 0], range(5))


def test_of_equal_words_the_first_counts(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("a 1 2\na 3 4\nb 5 6\n")
    vectors = read_vectors(tmp_path / "v.txt")
    assert vectors.n_repeated == 1
    assert vectors.matrix[vectors.row("a")].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["contain no word"]),
        (b"word\n", ["the first line is neither"]),
        (b"2 3\na 1 2 3\n", ["have 1 words", "says 2", "incomplete"]),
        (b"1 2\na 1 2\nb 1 2\n", ["have 2 words", "says 1"]),
        (b"2 0\n", ["the first line is neither"]),
        (b"0 3\n", ["contain no word"]),
        (b"a 1 2 3\nb 1 2\n", ["line 2", "found 2 values", "expected 3"]),
        (b"2 3\na 1 2 3\nb 1 2\n", ["line 3", "expected 3"]),
        (b"a 1 2\n\nb 1 2\n", ["line 2", "found 0 values"]),
        (b"a 1 2\nb 1 x\n", ["line 2", "'b' is not a finite number"]),
        (b"a 1 nan\n", ["line 1", "not a finite number"]),
        (b"a 1 1e99\n", ["line 1", "not a finite number"]),
        (b"a 1 2\n\xff\xfe 1 2\n", ["line 2", "is not UTF-8"]),
    ],
)
def test_broken_files(tmp_path: Path, content: bytes, words: list[str]) -> None:
    (tmp_path / "v.txt").write_bytes(content)
    with refused("v.txt", *words):
        read_vectors(tmp_path / "v.txt")


def test_files_that_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "v.gz").write_bytes(b"no gzip")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(PLAIN.encode() * 100)[:60])
    for name in ("v.gz", "cut.gz", "absent.txt", "."):
        with refused("can't be read", "check the path"):
            read_vectors(tmp_path / name)


def test_the_shared_vectors(shared: Path) -> None:
    path = shared / "data" / "vectors" / "glove.50d.5k.w2v.txt"
    vectors = read_vectors(path, {"the", ","})
    assert (vectors.n_words, vectors.width) == (5050, 50)
    np.testing.assert_allclose(vectors.matrix[vectors.row("The"), :3], [0.418, 0.24968, -0.41242], atol=1e-6)
