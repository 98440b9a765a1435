"""Reads static word vectors in the text formats of word2vec, GloVe and fastText, with plain Python and numpy."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from elmo_udf.errors import UserError

_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}


@dataclass(frozen=True)
class StaticVectors:
    """Vectors of some words: ``matrix[rows[word]]``. Row 0 is zero, and stands for every other word."""

    rows: dict[str, int]
    matrix: np.ndarray
    """The vectors: float32, shape (1 + words, width)."""
    n_words: int
    """The number of words in the whole file."""
    n_repeated: int = 0
    """The number of lines whose word occurred in an earlier line. The first one counts."""

    @property
    def width(self) -> int:
        """The number of values of a vector."""
        return int(self.matrix.shape[1])

    def row(self, token: str) -> int:
        """Returns the row of a token as it is written, or else in lower case, or else 0."""
        return self.rows.get(token) or self.rows.get(token.lower(), 0)

    def rows_of(self, tokens: Collection[str]) -> np.ndarray:
        """Returns the row of every token: int32, shape (n,)."""
        return np.fromiter(map(self.row, tokens), np.int32, len(tokens))

    def mean(self, tokens: Collection[str]) -> np.ndarray | None:
        """Returns the mean vector of the known tokens, float32, shape (width,), or None if none is known."""
        rows = self.rows_of(tokens)
        known = self.matrix[rows[rows > 0]]
        return known.mean(axis=0, dtype=np.float64).astype(np.float32) if len(known) else None


def read_vectors(path: str | Path, wanted: Collection[str] | None = None) -> StaticVectors:
    """Reads a file with one word per line, also as .gz or .xz. Returns its vectors.

    The first line may be the header "words width" (word2vec, fastText) or missing (GloVe). Only the words in ``wanted``
    are kept (all, if it is None), so that millions of lines need no memory. A word may contain spaces: the last
    ``width`` parts of a line are its values. Raises UserError if the file can't be read or is not UTF-8, if a line has
    another width or a value that is not a finite number, or if the number of words differs from that in the header.
    """
    kept, matrix = dict[str, int](), list[np.ndarray]()
    n_lines, n_repeated, promised, width = 0, 0, None, 0
    with _lines(Path(path)) as lines:
        for number, line in enumerate(lines, 1):
            if number == 1:
                promised, width = _first_line(path, line)
                if promised is not None:
                    continue
            word, values = _parts(path, number, line, width)
            n_lines += 1
            if word in kept:
                n_repeated += 1
            elif wanted is None or word in wanted:
                matrix.append(_numbers(path, number, word, values))
                kept[word] = len(matrix)
    if promised is not None and promised != n_lines:
        raise UserError(
            f"vectors {str(path)!r} have {n_lines:,} words, but their first line says {promised:,}; expected as many; "
            "the file may be incomplete; fetch it again"
        )
    if not n_lines:
        raise UserError(f"vectors {str(path)!r} contain no word, expected one line per word; check the path")
    return StaticVectors(kept, np.stack([np.zeros(width, np.float32), *matrix]), n_lines, n_repeated)


def width_of_vectors(path: str | Path) -> int:
    """Returns the width according to the first line.

    Raises UserError if the file can't be read or has another format.
    """
    with _lines(Path(path)) as lines:
        return _first_line(path, next(lines, b""))[1]


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[bytes]]:
    """Yields the lines of a file as bytes. With str, characters that are words in such files would also end lines."""
    try:
        opened: IO[bytes] = _OPENERS.get(path.suffix, open)(path, "rb")
        with opened as file:
            yield (line.rstrip(b" \r\n") for line in file)
    except (OSError, EOFError, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"vectors {str(path)!r} can't be read: {reason}; expected a text file of word vectors; check the path"
        ) from None


def _first_line(path: str | Path, line: bytes) -> tuple[int | None, int]:
    """Returns the number of words if the first line is a header, and the width of the vectors."""
    parts = line.split(b" ")
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        return int(parts[0]), _positive(path, int(parts[1]))
    return None, _positive(path, len(parts) - 1)


def _positive(path: str | Path, width: int) -> int:
    if width < 1:
        raise UserError(
            f"vectors {str(path)!r}: the first line is neither 'words width' nor a word and its values; expected "
            "word2vec's, GloVe's or fastText's text format (binary files: convert them first)"
        )
    return width


def _parts(path: str | Path, number: int, line: bytes, width: int) -> tuple[str, list[bytes]]:
    """Returns the word of a line and its values, which are still text."""
    word, *values = line.rsplit(b" ", width)
    if len(values) != width or not word:
        raise UserError(
            f"vectors {str(path)!r}, line {number:,}: found {len(values) if word else 0} values after a word, expected "
            f"{width} as in the first line; repair or remove the line"
        )
    try:
        return word.decode("utf-8"), values
    except UnicodeDecodeError:
        raise UserError(
            f"vectors {str(path)!r}, line {number:,}: the word {word[:40]!r} is not UTF-8; expected a text file in "
            "UTF-8; convert it, or remove the line"
        ) from None


def _numbers(path: str | Path, number: int, word: str, values: list[bytes]) -> np.ndarray:
    """Returns the values as numbers: float32, shape (width,)."""
    try:
        with np.errstate(over="ignore"):  # what float32 has no number for becomes infinite
            vector = np.array([float(value) for value in values], np.float32)
    except ValueError:
        vector = np.array([np.nan], np.float32)
    if not np.isfinite(vector).all():
        raise UserError(
            f"vectors {str(path)!r}, line {number:,}: a value of {word!r} is not a finite number, expected "
            f"{len(values)} "
            "numbers; repair or remove the line"
        )
    return vector
