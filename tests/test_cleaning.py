"""The steps of cleaning as functions, and as columns of Spark: both say the same of any text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from elmo_udf.cleaning import (
    DEFAULT_PUNCTUATION,
    STEPS,
    clean,
    lemmatize,
    lowercase,
    normalize_whitespace,
    remove_digits,
    remove_punctuation,
    remove_urls,
)
from elmo_udf.cleaning.columns import clean_column, is_blank
from elmo_udf.cleaning.options import CleaningOptions
from elmo_udf.text.invisible import is_visible
from tests.fuzzing import ALL
from tests.refusals import refused


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see http://a.b/c?d=e#f now", "see   now"),
        ("HTTPS://A.B/C", " "),
        ("www.a.b, and ftp://c.d/e.", " , and  ."),
        ("(http://a.b/c)", "( )"),
        ("xhttp://a.b", "x "),
        ("a www page, awww.b", "a www page, awww.b"),
        ("http:// and http://...", "http:// and http://..."),
        ("ſhttp://ä.ö/ü\u3000x", "ſ \u3000x"),
    ],
)
def test_urls(text: str, expected: str) -> None:
    assert remove_urls(text) == expected


def test_punctuation() -> None:
    assert remove_punctuation("#well-known: it's 5, “so” he said. ☺") == " well known  it's 5,  so  he said. ☺"
    assert remove_punctuation("#well-known", becomes="") == "wellknown"
    assert remove_punctuation("a.b-c", punctuation=".") == "a b-c"
    assert not set("'’.,") & set(DEFAULT_PUNCTUATION)
    assert len(set(DEFAULT_PUNCTUATION)) == len(DEFAULT_PUNCTUATION)


def test_case_digits_and_white_space() -> None:
    assert lowercase("İI ΣΟΔΟΣ Straße") == "i̇i σοδος straße"
    assert remove_digits("iphone5 1,000 ٣٤ ½²") == "iphone   ,    ½²"
    assert normalize_whitespace("\ufeff a\t\n\x1cb\u00a0\u2003c\x85 ") == "\ufeff a b c"


OTHER_LANGUAGES = [
    ("fr", "les chevaux, l'amie", "le cheval, amie"),
    ("es", "los perros", "el perro"),
    ("ru", "книги лежали", "книга лежать"),
    ("hi", "लड़कों ने किताबें पढ़ीं", "लड़का ने किताब पढ़ना"),
]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "the mice loved  their tables, e-mails: geese!", "the mouse love  their table, e-mail: goose!"),
        ("en", "I don't, can’t, WON'T; the phone's", "I don't, can’t, WON'T; the phone"),
        ("de", "die Häuser gingen", "der Haus gehen"),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in OTHER_LANGUAGES),
    ],
)
def test_lemmas(language: str, text: str, expected: str) -> None:
    assert lemmatize(text, language) == expected


def test_steps_run_in_the_order_given() -> None:
    text = "Look: HTTP://a.b/C1 has 2 mice"
    assert clean(text) == "look have mouse"
    assert clean(text, ("punctuation", "urls", "whitespace")) == "Look HTTP a.b C1 has 2 mice"
    assert clean(text, ("urls",)) == "Look:   has 2 mice"
    assert clean(text, ()) == text
    assert clean("a-b", ("punctuation",), becomes="") == "ab"
    assert clean("a-b", ("punctuation",), punctuation="a") == " -b"


def test_mistakes() -> None:
    with refused("step 'stem' is unknown", "urls, punctuation, lowercase"):
        clean("x", ("stem",))
    with refused("language 'xx' has no lemmas", "ar, ast, bg", "de", "uk"):
        lemmatize("x", "xx")
    with refused("language 'xx' has no lemmas"):
        CleaningOptions(language="xx")
    assert CleaningOptions(language="xx", steps=("urls",)).language == "xx"
    with refused("step 'stem' is unknown"):
        CleaningOptions(steps=("stem",))


# Characters that Python knows: Spark's Unicode is newer, and has case mappings for some that Python calls unassigned.
# The digits of Tangsa are of Unicode 14, which Python 3.11 has and Java 17 has not.
TANGSA_DIGITS = "".join(map(chr, range(0x16AC0, 0x16ACA)))
known = st.characters(exclude_categories=["Cs", "Cn", "Co"], exclude_characters=TANGSA_DIGITS)
texts = st.lists(
    st.lists(
        st.one_of(
            st.text(known, max_size=8),
            st.sampled_from(["http://", "www.", "HTTPS://x.y/z", " ", ". ", "'", "don't", "ΑΣ", "İ", "mice", "\x1c"]),
            st.text(st.sampled_from(DEFAULT_PUNCTUATION + "'., \t\u00a0٣7aſK"), max_size=6),
        ),
        max_size=8,
    ).map("".join),
    min_size=60,
    max_size=120,
)
orders = st.lists(st.sampled_from(STEPS), max_size=6)


@given(texts=texts, steps=orders, becomes=st.sampled_from(["space", "nothing"]))
@settings(max_examples=6 if ALL else 3, deadline=None, suppress_health_check=list(HealthCheck))
def test_spark_and_python_agree(spark: SparkSession, texts: list[str], steps: list[str], becomes: str) -> None:
    options = CleaningOptions(steps=tuple(steps), punctuation_becomes=becomes)  # type: ignore[arg-type]
    table = spark.createDataFrame(list(enumerate(texts)), "n int, text string").coalesce(1)
    column = clean_column(table.text, options)
    rows = table.select("n", column.alias("text"), is_blank(column).alias("blank")).collect()
    expected = [clean(t, steps, becomes=options.punctuation_replacement) for t in texts]
    assert {row.n: row.text for row in rows} == dict(enumerate(expected))
    assert {row.n: row.blank for row in rows} == {n: not is_visible(text) for n, text in enumerate(expected)}


def test_every_character_alone(spark: SparkSession) -> None:
    """All of the basic plane that Python knows, between letters, through each native step."""
    characters = [chr(i) for i in range(0x10000) if unicodedata.category(chr(i)) not in ("Cs", "Cn", "Co")]
    texts = ["".join(f"{c}x" for c in characters[i : i + 64]) for i in range(0, len(characters), 64)]
    table = spark.createDataFrame(list(enumerate(texts)), "n int, text string").coalesce(1)
    steps = [step for step in STEPS if step != "lemmas"]
    columns = [clean_column(table.text, CleaningOptions(steps=(step,))).alias(step) for step in steps]
    for row in table.select("n", *columns).collect():
        for step in steps:
            assert row[step] == clean(texts[row.n], (step,)), step
