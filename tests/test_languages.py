"""Text of other languages through a model of the published kind: bytes, tokens, vectors; and codes of languages."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from pyspark.sql import SparkSession

from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.embedding.udf import elmo_udf
from elmo_udf.text.characters import character_ids
from elmo_udf.text.languages import language_note, primary_code
from elmo_udf.text.tokenizer import Tokenizer
from tests import numpy_elmo
from tests.make_models import random_model
from tests.model_files import write_folder, write_zip
from tests.refusals import refused

MODEL = random_model(23)

TEXTS = {
    "hi": ("हिन्दी एक भाषा है। आप कैसे हैं?", [["हिन्दी", "एक", "भाषा", "है", "।"], ["आप", "कैसे", "हैं", "?"]]),
    "ru": ("Кот спит. Где он?", [["Кот", "спит", "."], ["Где", "он", "?"]]),
    "zh": ("猫在睡觉。它在哪里？", [["猫", "在", "睡", "觉", "。"], ["它", "在", "哪", "里", "？"]]),
    "ar": ("القط نائم. أين هو؟", [["القط", "نائم", "."], ["أين", "هو", "؟"]]),
}  # fmt: skip


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A zip as the NLPL repository has them: model.hdf5, options.json and others beside."""
    folder = tmp_path_factory.mktemp("nlpl")
    write_folder(MODEL, folder / "212", weights_name="model.hdf5")
    (folder / "212" / "meta.json").write_text('{"language": "mul"}')
    (folder / "212" / "vocab.txt").write_text("<S>\n</S>\n<UNK>\nहै\nкот\n猫\nهو\n", "utf-8")
    return str(write_zip(folder / "212", folder / "212.zip"))


@pytest.mark.parametrize("language", TEXTS)
def test_ids_are_the_bytes_of_utf_8(language: str) -> None:
    tokens = [token for sentence in TEXTS[language][1] for token in sentence]
    for token, ids in zip(tokens, character_ids(tokens), strict=True):
        encoded = token.encode("utf-8")
        np.testing.assert_array_equal(ids, numpy_elmo.character_ids(encoded))
        assert [i - 1 for i in ids[1 : len(encoded) + 1]] == list(encoded)


def test_a_long_word_is_cut_after_48_bytes_even_inside_a_character() -> None:
    word = "क" * 15 + "éक" + "ख"  # 45 + 2 + 3 bytes: the cut is after the first byte of the last but one
    np.testing.assert_array_equal(character_ids([word])[0], numpy_elmo.character_ids(word.encode()))
    assert character_ids([word])[0, 48] == "क".encode()[0] + 1


@pytest.mark.parametrize("language", TEXTS)
def test_vectors_are_those_of_the_reference(spark: SparkSession, archive: str, language: str) -> None:
    text, sentences = TEXTS[language]
    embed = elmo_udf(archive, spark=spark, level="token", language=language)
    found = spark.createDataFrame([(text,)], "text string").coalesce(1).select(embed("text").alias("tokens")).collect()
    tokens = found[0].tokens
    assert [token.token for token in tokens] == [token for sentence in sentences for token in sentence]
    expected = np.concatenate([numpy_elmo.layers(MODEL, sentence)["elmo"] for sentence in sentences])
    np.testing.assert_allclose([token.embedding for token in tokens], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("language", "text", "tokens"),
    [
        ("ja", "東京の夜。", ["東", "京", "の", "夜", "。"]),
        ("zh-CN", "我有2024年的iPhone，3.5寸。", ["我", "有", "2024", "年", "的", "iPhone", "，", "3.5", "寸", "。"]),
        ("ZH_tw", "你好", ["你", "好"]),
        ("ko", "저는 학생입니다.", ["저는", "학생입니다", "."]),
        ("fa", "می\u200cخواهم بروم.", ["می\u200cخواهم", "بروم", "."]),
        ("he", "שָׁ֖לוֹם עֲלֵיכֶ֑ם.", ["שָׁ֖לוֹם", "עֲלֵיכֶ֑ם", "."]),
        ("bn", "আমি বাংলায় গান গাই।", ["আমি", "বাংলায়", "গান", "গাই", "।"]),
        ("kn", "ಕನ್ನಡ ಭಾಷೆ.", ["ಕನ್ನಡ", "ಭಾಷೆ", "."]),
        ("fr", "L'e\u0301te\u0301, «nai\u0308f»!", ["L'", "e\u0301te\u0301", ",", "«", "nai\u0308f", "»", "!"]),
        ("en", "I ❤\ufe0f it.", ["I", "❤\ufe0f", "it", "."]),
        ("de", "Dr. Müller kam z.B. gestern.", ["Dr.", "Müller", "kam", "z.B.", "gestern", "."]),
    ],
)
def test_words(language: str, text: str, tokens: list[str]) -> None:
    assert Tokenizer("words", language)(text).sentences == [tokens]


@pytest.mark.parametrize("language", ["xx", "english", "e", "zh文", "123"])
def test_what_is_no_code_is_refused_on_the_driver(language: str) -> None:
    with refused(f"language is {language!r}", "expected a code of ISO 639"):
        EmbedOptions(input="i", output="o", language=language)


@pytest.mark.parametrize("language", ["th", "my", "km", "lo", "bo", "dz"])
def test_languages_without_spaces_need_words_from_their_users(language: str) -> None:
    with refused(f"language is {language!r}", "without spaces", "--tokenizer whitespace"):
        EmbedOptions(input="i", output="o", language=language)
    EmbedOptions(input="i", output="o", language=language, tokenizer="whitespace")
    assert Tokenizer("whitespace", language)("ผม ชื่อ สมชาย").sentences == [["ผม", "ชื่อ", "สมชาย"]]


def test_notes_say_what_to_expect(spark: SparkSession, archive: str, caplog: pytest.LogCaptureFixture) -> None:
    assert [primary_code(code) for code in ("en", "EN", "pt-BR", "zh_Hant_TW", "yue")] == [
        "en",
        "en",
        "pt",
        "zh",
        "yue",
    ]
    assert [language_note("words", code) for code in ("en", "hi", "ru", "mni")] == [""] * 4
    assert language_note("whitespace", "zh") == ""
    assert "general rules are used" in language_note("words", "eng")
    with caplog.at_level(logging.WARNING, "elmo_udf"):
        elmo_udf(archive, spark=spark, language="zh")
    assert "each Han character becomes a token" in caplog.text
