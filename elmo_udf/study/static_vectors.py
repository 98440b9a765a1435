"""Static word vectors from the text formats of word2vec, GloVe and fastText. Plain Python and numpy."""

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
    """Vectors of some words: ``matrix[rows[word]]``; row 0 is zero, for every other word."""

    rows: dict[str, int]
    matrix: np.ndarray
    """(1 + words, width) float32."""
    n_words: int
    """Words of the whole file."""
    n_repeated: int = 0
    """Lines whose word an earlier line had: the first one counts."""

    @property
    def width(self) -> int:
        """Values of a vector."""
        return int(self.matrix.shape[1])

    def row(self, token: str) -> int:
        """The row of a token as it is written, else in lower case, else 0."""
        return self.rows.get(token) or self.rows.get(token.lower(), 0)

    def rows_of(self, tokens: Collection[str]) -> np.ndarray:
        """(n,) int32: the row of every token."""
        return np.fromiter(map(self.row, tokens), np.int32, len(tokens))

    def mean(self, tokens: Collection[str]) -> np.ndarray | None:
        """The mean vector of the known tokens, (width,) float32; None where none is known."""
        rows = self.rows_of(tokens)
        known = self.matrix[rows[rows > 0]]
        return known.mean(axis=0, dtype=np.float64).astype(np.float32) if len(known) else None


def read_vectors(path: str | Path, wanted: Collection[str] | None = None) -> StaticVectors:
    """Read a line a word, with (word2vec, fastText) or without (GloVe) a line "words width" before; .gz and .xz too.

    Only the words of ``wanted`` are kept (None: all), so that millions of lines need no memory. A word may hold
    spaces: the last ``width`` parts of a line are its values. Raises UserError, of one line, for a file that can't
    be read, is not UTF-8, has a line of another width, a value that is no finite number, or fewer or more words
    than its first line says.
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
            f"vectors {str(path)!r} have {n_lines:,} words, and their first line says {promised:,}; expected as many; "
            "is the file cut off? fetch it again"
        )
    if not n_lines:
        raise UserError(f"vectors {str(path)!r} hold no word, expected a line for each word; check the path")
    return StaticVectors(kept, np.stack([np.zeros(width, np.float32), *matrix]), n_lines, n_repeated)


def width_of_vectors(path: str | Path) -> int:
    """The width that the first line tells. Raises UserError for a file that can't be read or holds something else."""
    with _lines(Path(path)) as lines:
        return _first_line(path, next(lines, b""))[1]


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[bytes]]:
    """The lines of a file as bytes: str would also end a line at characters that are words in such files."""
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
    """The number of words, where the first line is a header; and the width of the vectors."""
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
    """The word of a line and its values, still as text."""
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
    """(width,) float32."""
    try:
        with np.errstate(over="ignore"):  # what float32 has no number for becomes infinite
            vector = np.array([float(value) for value in values], np.float32)
    except ValueError:
        vector = np.array([np.nan], np.float32)
    if not np.isfinite(vector).all():
        raise UserError(
            f"vectors {str(path)!r}, line {number:,}: a value of {word!r} is no finite number, expected {len(values)} "
            "numbers; repair or remove the line"
        )
    return vector
