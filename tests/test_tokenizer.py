"""Documents to sentences to tokens."""

import time

import numpy as np
import pytest

from elmo_udf.errors import UserError
from elmo_udf.text.tokenizer import Tokenizer


def tokens(text: object, **options: object) -> list[list[str]]:
    return Tokenizer(**options)(text).sentences  # type: ignore[arg-type]


def test_words_separates_punctuation_and_splits_sentences() -> None:
    assert tokens("It's Mr. Smith's \"house\". Don't (ever) knock, please!") == [
        ["It", "'s", "Mr.", "Smith", "'s", '"', "house", '"', "."],
        ["Don", "'t", "(", "ever", ")", "knock", ",", "please", "!"],
    ]


def test_words_keeps_markup_characters_as_they_are() -> None:
    assert tokens("a & b < c") == [["a", "&", "b", "<", "c"]]


def test_whitespace_splits_on_spaces_only_into_one_sentence() -> None:
    text = " One two.  Three\tfour\nfive\u00a0six! "
    assert tokens(text, kind="whitespace") == [["One", "two.", "Three\tfour\nfive\u00a0six!"]]


def test_whitespace_does_not_cut_long_sentences() -> None:
    document = Tokenizer("whitespace", max_sentence_tokens=3)("a b c d e")
    assert (document.sentences, document.n_cuts) == ([["a", "b", "c", "d", "e"]], 0)


def test_words_cuts_long_sentences_and_loses_no_token() -> None:
    words = [f"w{i}" for i in range(1001)]
    document = Tokenizer("words", max_sentence_tokens=400)(" ".join(words))
    assert [len(sentence) for sentence in document.sentences] == [400, 400, 201]
    assert [token for sentence in document.sentences for token in sentence] == words
    assert document.n_cuts == 2


@pytest.mark.parametrize("kind", ["words", "whitespace"])
def test_given_tokens_are_taken_as_they_are(kind: str) -> None:
    assert tokens(["don't", "a b", "."], kind=kind) == [["don't", "a b", "."]]
    assert tokens([["a", "b"], ["c"]], kind=kind) == [["a", "b"], ["c"]]
    assert tokens(np.array(["a", "b"], dtype=object), kind=kind) == [["a", "b"]]
    nested = np.array([np.array(["a"], dtype=object), np.array(["b", "c"], dtype=object)], dtype=object)
    assert tokens(nested, kind=kind) == [["a"], ["b", "c"]]


@pytest.mark.parametrize("empty", ["", " ", "\n\t ", "\0\0", [], [[]], [""], [None], [[], [""]]])
def test_nothing_gives_no_sentence(empty: object) -> None:
    assert tokens(empty) == []


def test_empty_parts_of_lists_keep_their_places() -> None:
    document = Tokenizer()([["the", "cat"], [], None, ["", "it", None, "sat"], ["", ""]])
    assert document.sentences == [["the", "cat"], ["it", "sat"]]
    assert [(i, list(places)) for i, places in document.places()] == [(0, [0, 1]), (3, [1, 3])]
    assert document.n_empty == 6  # two empty sentences and four empty tokens
    flat = Tokenizer()(["", "a", "b"])
    assert (flat.sentences, list(flat.places()), flat.n_empty) == ([["a", "b"]], [(0, [1, 2])], 1)
    full = Tokenizer()([["a"], ["b", "c"]])
    assert ([(i, list(places)) for i, places in full.places()], full.n_empty) == ([(0, [0]), (1, [0, 1])], 0)
    assert Tokenizer()([]).n_empty == 0


INVISIBLE_ONES = [
    "\u200b",
    "\ufeff",
    "\u200d",
    "\u2060",
    "\u00ad",
    "\u200f",
    "\ufe0f",
    "\U000e0020",
    "\u3164",
    "\u202e",
]


@pytest.mark.parametrize("kind", ["words", "whitespace"])
@pytest.mark.parametrize("character", INVISIBLE_ONES, ids=ascii)
def test_invisible_text_has_no_token(kind: str, character: str) -> None:
    assert tokens(character, kind=kind) == []
    assert tokens(f" {character}\n{character * 3} ", kind=kind) == []
    assert tokens(f"{character}a", kind=kind) != []


@pytest.mark.parametrize("hint", ["\u00ad", "\u2060", "\ufeff", "\u200e", "\u202a"], ids=ascii)
def test_hints_inside_of_a_word_do_not_divide_it(hint: str) -> None:
    assert tokens(f"They co{hint}operate.") == [["They", "cooperate", "."]]


def test_a_zero_width_space_divides_words() -> None:
    assert tokens("one\u200btwo") == [["one", "two"]]


def test_a_lone_surrogate_is_replaced() -> None:
    assert tokens("a \ud800 b") == [["a", "?", "b"]]


@pytest.mark.parametrize("text", ["a" * 1_000_000, "word " * 100_000, "😀" * 10_000, "." * 10_000, '"' * 10_000])
def test_extreme_texts_take_no_more_than_seconds(text: str) -> None:
    started = time.monotonic()
    document = Tokenizer()(text)
    assert document.n_tokens >= 1
    assert time.monotonic() - started < 20


def test_other_languages() -> None:
    assert tokens("Привет, мир. Как дела?", language="ru") == [["Привет", ",", "мир", "."], ["Как", "дела", "?"]]
    assert tokens("यह हिन्दी है। कैसे हो?", language="hi") == [["यह", "हिन्दी", "है", "।"], ["कैसे", "हो", "?"]]


def test_an_unknown_tokenizer_is_refused() -> None:
    with pytest.raises(UserError, match="tokenizer is 'bpe', expected 'words' or 'whitespace'"):
        Tokenizer("bpe")
