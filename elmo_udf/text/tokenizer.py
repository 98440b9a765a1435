"""Splits documents into sentences and tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from elmo_udf.errors import UserError
from elmo_udf.text.invisible import is_visible, without_hints
from elmo_udf.text.languages import BY_CHARACTER, check_language, marks, primary_code

Sentence = list[str]


@dataclass(frozen=True)
class TokenizedDocument:
    """The sentences of a document, none of them empty, and the number of cuts that long sentences needed."""

    sentences: list[Sentence]
    n_cuts: int = 0
    n_empty: int = 0
    """The number of empty tokens and sentences in the lists that were given. They have no vector."""
    given_places: list[tuple[int, list[int]]] | None = None
    """Where the lists had empty parts: each sentence's place, and those of its tokens, as they were given."""

    @property
    def n_tokens(self) -> int:
        """The number of tokens in all sentences."""
        return sum(map(len, self.sentences))

    def places(self) -> Iterator[tuple[int, Sequence[int]]]:
        """Yields ``sentence_index`` and the ``token_index`` of every token, for each sentence.

        In lists of tokens, these are the places in the lists, so empty parts leave gaps.
        """
        if self.given_places is not None:
            return iter(self.given_places)
        return ((i, range(len(sentence))) for i, sentence in enumerate(self.sentences))


class Tokenizer:
    """Splits a document into sentences and tokens.

    The kind ``words`` finds sentences with sentencex and tokens with sacremoses. The kind ``whitespace`` takes the
    document as one sentence and splits it at U+0020.

    The published models were trained on the One Billion Word benchmark. The Moses scripts tokenized it, and sacremoses
    is the Python port of these scripts. If a document is tokenized already (a list of tokens, or a list of such lists),
    it is not changed. Every Han character of Chinese and Japanese text becomes a token. Raises UserError for languages
    in other scripts that are written without spaces, and for codes that are not those of a language.
    """

    def __init__(self, kind: str = "words", language: str = "en", max_sentence_tokens: int = 400) -> None:
        if kind not in ("words", "whitespace"):
            raise UserError(f"tokenizer is {kind!r}, expected 'words' or 'whitespace'")
        check_language(kind, language)
        self._split = _whitespace if kind == "whitespace" else _words(language)
        self._limit = None if kind == "whitespace" else max_sentence_tokens

    @classmethod
    def of(cls, options: Any) -> Tokenizer:
        """Returns the tokenizer that the options of a job, or the metadata of a table, specify."""
        return cls(options.tokenizer, options.language, options.max_sentence_tokens)

    def __call__(self, document: Any) -> TokenizedDocument:
        """Returns the sentences and tokens of a text, of a list of tokens or of a list of tokenized sentences.

        Empty parts of lists have no vector, and keep their places. A text of white space and invisible characters
        has no token.
        """
        if not isinstance(document, str):
            return _given(document)
        if not is_visible(document):
            return TokenizedDocument([])
        sentences = self._split(document)
        if self._limit is None:
            return TokenizedDocument(sentences)
        pieces = [piece for sentence in sentences for piece in _cut(sentence, self._limit)]
        return TokenizedDocument(pieces, n_cuts=len(pieces) - len(sentences))


def _whitespace(text: str) -> list[Sentence]:
    tokens = [token for token in text.split(" ") if token]
    return [tokens] if tokens else []


def _words(language: str) -> Callable[[str], list[Sentence]]:
    from sentencex import segment  # imported here: other tokenizers need neither library

    code = primary_code(language)
    plain, with_marks = _moses(code), _moses_with_marks(code)

    def split(text: str) -> list[Sentence]:
        text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate has no UTF-8, which sentencex needs
        text = without_hints(text)
        moses = plain if text.isascii() else with_marks  # they differ in speed only where there are no marks
        tokenized = (moses.tokenize(sentence, escape=False) for sentence in segment(code, text))
        return [tokens for tokens in tokenized if tokens]

    return split


def _moses(code: str) -> Any:
    """Returns sacremoses for a language; for languages split by character, with the rules of English.

    The rules that sacremoses has for Chinese and Japanese expect text whose words are separated, and leave other text
    in one piece.
    """
    from sacremoses import MosesTokenizer

    return MosesTokenizer(lang="en" if code in BY_CHARACTER else code)


def _moses_with_marks(code: str) -> Any:
    """Returns the same tokenizer, changed so that combining marks stay with their characters.

    Moses alone would separate the accents of decomposed letters, the points of Hebrew, and the joiners in Persian
    words.
    """
    moses = _moses(code)
    apart = rf"([^{moses.IsAlnum}{marks()}\s.'`,\-][{marks()}]*)"
    moses.PAD_NOT_ISALNUM = re.compile(apart), r" \1 "
    return moses


def _given(document: Any) -> TokenizedDocument:
    parts = list(document)
    if is_sentence := all(part is None or isinstance(part, str) for part in parts):
        parts = [parts]
    given = [[] if part is None else list(part) for part in parts]
    places = [(i, [j for j, token in enumerate(part) if token]) for i, part in enumerate(given)]
    places = [(i, of_tokens) for i, of_tokens in places if of_tokens]
    sentences = [[given[i][j] for j in of_tokens] for i, of_tokens in places]
    n_empty = sum(map(len, given)) - sum(map(len, sentences)) + (0 if is_sentence else given.count([]))
    return TokenizedDocument(sentences, n_empty=n_empty, given_places=places if n_empty else None)


def _cut(sentence: Sentence, limit: int) -> Iterator[Sentence]:
    for start in range(0, len(sentence), limit):
        yield sentence[start : start + limit]
