"""Words to their dictionary forms, by simplemma: its data is in its package, so that nothing is fetched."""

from __future__ import annotations

from elmo_udf.errors import UserError

_WORD = r"[\p{L}\p{M}]+(?:['’-][\p{L}\p{M}]+)*"
"""Letters with their marks (vowel signs of Hindi are marks), joined by apostrophes or hyphens."""


def languages() -> list[str]:
    """Codes of the languages that have lemmas, sorted."""
    from simplemma.strategies.dictionaries.dictionary_factory import SUPPORTED_LANGUAGES

    return sorted(SUPPORTED_LANGUAGES)


def check_language(language: str) -> None:
    """Raises UserError for a language without lemmas; names those that have them."""
    if language not in (known := languages()):
        raise UserError(
            f"language {language!r} has no lemmas, expected one of {', '.join(known)}; "
            "give another --language, or leave the step lemmas out"
        )


def lemmatize(text: str, language: str = "en") -> str:
    """The lemma in place of every word; what is between the words stays as it is.

    A lemma is that of the word alone, without its sentence. English words in n't stay whole, because their lemma ("do"
    for "don't") says the opposite. Raises UserError for a language without lemmas.
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
