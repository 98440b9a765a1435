"""Checks language codes, and says which languages the tokenizer ``words`` can split."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache

from elmo_udf.errors import UserError

_TWO_LETTERS = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz "
    "ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik "
    "io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml "
    "mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd "
    "se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve "
    "vi vo wa wo xh yi yo za zh zu"
)
"""The codes of ISO 639-1, and the withdrawn codes bh and sh, which some corpora still use."""

_CODES = frozenset(_TWO_LETTERS.split())

_WITH_RULES = frozenset({"mni", "tdt", "yue"})
"""Codes of three letters for which sacremoses has rules."""

BY_CHARACTER = frozenset({"zh", "ja", "yue", "wuu", "lzh"})
"""Languages written without spaces whose Han characters have a meaning of their own: each becomes a token."""

_BY_NOTHING = frozenset({"th", "lo", "km", "my", "bo", "dz"})
"""Languages written without spaces whose single characters have no meaning."""

_CUT = "give a column of lists of tokens, or put spaces between the words and add --tokenizer whitespace"


def primary_code(language: str) -> str:
    """Returns the main part of a code, such as ``zh`` for ``zh``, ``zh-CN`` and ``ZH_tw``.

    Raises UserError if it is not a code of ISO 639.
    """
    code = re.split("[-_]", language.strip().lower(), maxsplit=1)[0]
    if code not in _CODES and not re.fullmatch("[a-z]{3}", code):
        raise UserError(
            f"language is {language!r}, expected a code of ISO 639 such as en, ru, zh or yue; "
            "use the code of the text's language"
        )
    return code


def check_language(tokenizer: str, language: str) -> None:
    """Raises UserError if the code is unknown, or if the tokenizer ``words`` can't find words in the language."""
    if tokenizer == "words" and primary_code(language) in _BY_NOTHING:
        raise UserError(
            f"language is {language!r}, written without spaces between words, by which the tokenizer words finds them; "
            f"expected text that is cut into words; {_CUT}"
        )


def language_note(tokenizer: str, language: str) -> str:
    """Returns what a user should know about the language before the work starts; often an empty string."""
    code = primary_code(language) if tokenizer == "words" else "en"
    if code in BY_CHARACTER:
        return (
            f"language {language!r} is written without spaces between words: each Han character becomes a token; "
            f"for a model of words, {_CUT}"
        )
    if len(code) == 3 and code not in _WITH_RULES:
        return f"language {language!r}: general rules are used; where there is a code of two letters, use that"
    return ""


@cache
def marks() -> str:
    """Returns all characters that belong to the character before them: combining marks, ZWNJ and ZWJ."""
    combining = (chr(i) for i in range(sys.maxunicode + 1) if unicodedata.category(chr(i)).startswith("M"))
    return "".join(combining) + "\u200c\u200d"
