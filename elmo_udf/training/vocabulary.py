"""Manages the words that a language model predicts. The characters that it reads need no vocabulary."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from enum import Enum
from pathlib import Path

from elmo_udf.errors import UserError


class Mark(Enum):
    """A mark before or after a sentence. No token of a text equals a mark."""

    BEGIN = "<S>"
    END = "</S>"


UNKNOWN = "<UNK>"
SPECIAL = (Mark.BEGIN.value, Mark.END.value, UNKNOWN)
"""The first lines of a vocabulary file, as in bilm-tf."""


class Vocabulary:
    """Words with their ids: 0 begin of sentence, 1 end of sentence, 2 any other word, then by descending frequency."""

    def __init__(self, words: Sequence[str]) -> None:
        """``words`` go from the most frequent to the rarest, without duplicates and without the special ones."""
        self.words = (*SPECIAL, *words)
        self._ids: dict[Hashable, int] = {word: i for i, word in enumerate(self.words) if i >= len(SPECIAL)}
        self._ids |= {Mark.BEGIN: 0, Mark.END: 1}

    def __len__(self) -> int:
        return len(self.words)

    def ids(self, tokens: Iterable[Hashable]) -> list[int]:
        """Returns the id of every token or mark, which is 2 for words that are not in the vocabulary."""
        known = self._ids
        return [known.get(token, 2) for token in tokens]

    def write(self, path: Path) -> None:
        """Writes one word per line, in UTF-8."""
        path.write_bytes("".join(f"{word}\n" for word in self.words).encode("utf-8", "surrogatepass"))

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """Returns the vocabulary in a file that :meth:`write` wrote. Raises UserError if it is not such a file."""
        try:
            words = path.read_bytes().decode("utf-8", "surrogatepass").split("\n")[:-1]
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"vocabulary {str(path)!r} can't be read ({error}); expected one word per line") from None
        if tuple(words[: len(SPECIAL)]) != SPECIAL or len(set(words)) < len(words):
            raise UserError(
                f"vocabulary {str(path)!r} begins with {words[:3]}, expected {list(SPECIAL)} and then each word once; "
                "use the file that training wrote"
            )
        return cls(words[len(SPECIAL) :])
