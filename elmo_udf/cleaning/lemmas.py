"""Replaces words with their lemmas, by simplemma, whose package contains its data, so nothing is downloaded."""

from __future__ import annotations

from elmo_udf.errors import UserError

_WORD = r"[\p{L}\p{M}]+(?:['’-][\p{L}\p{M}]+)*"
"""Letters with their combining marks (such as the vowel signs of Hindi), joined by apostrophes or hyphens."""


def languages() -> list[str]:
    """Returns the sorted codes of the languages that have lemmas."""
    from simplemma.strategies.dictionaries.dictionary_factory import SUPPORTED_LANGUAGES

    return sorted(SUPPORTED_LANGUAGES)


def check_language(language: str) -> None:
    """Raises UserError if the language has no lemmas. The message names the languages that have them."""
    if language not in (known := languages()):
        raise UserError(
            f"language {language!r} has no lemmas, expected one of {', '.join(known)}; "
            "choose another --language, or leave out the step lemmas"
        )


def lemmatize(text: str, language: str = "en") -> str:
    """Returns the text with every word replaced by its lemma. What is between the words is kept.

    The lemma depends on the word alone, not on its sentence. English words that end in n't are kept, because their
    lemma ("do" for "don't") means the opposite. Raises UserError if the language has no lemmas.
    """
    import regex
    from simplemma import lemmatize as lemma_of

    check_language(language)

    def lemma(found: regex.Match[str]) -> str:
        word: str = found[0]
        is_negation = language == "en" and word.lower().endswith(("n't", "n’t"))
        return word if is_negation else lemma_of(word, language)

    changed: str = regex.sub(_WORD, lemma, text)
    return changed
