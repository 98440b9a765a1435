"""Elmo, which embeds without Spark: its numbers are the job's, and it says what is wrong with what it gets."""

from __future__ import annotations

import inspect
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

import elmo_udf
from elmo_udf import Elmo, UserError
from elmo_udf.options import ModelOptions
from tests import numpy_elmo
from tests.make_models import random_model
from tests.model_files import write_folder

MODEL = random_model(11)
TEXTS = ["The moon moves the tides. It does so twice a day.", "A kettle boils.", "A kettle boils.", "ünïcode"]


@pytest.fixture(scope="module")
def handle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_folder(MODEL, tmp_path_factory.mktemp("model") / "elmo"))


@pytest.fixture(scope="module")
def elmo(handle: str) -> Elmo:
    return Elmo(handle)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layer": "word_emb", "pooling": "max", "normalize": True},
        {"level": "sentence", "layer": "lstm_outputs1"},
        {"level": "token", "normalize": True},
    ],
    ids=["defaults", "maximum", "sentences", "tokens"],
)
def test_numbers_are_those_of_spark(spark: SparkSession, elmo: Elmo, handle: str, options: dict[str, Any]) -> None:
    table = spark.createDataFrame(list(enumerate(TEXTS)), "n int, text string")
    rows = table.select("n", elmo_udf.elmo_udf(handle, **options)("text").alias("v")).orderBy("n").collect()
    found = elmo.encode(TEXTS, **options)
    for row, vectors in zip(rows, found, strict=True):
        expected = [token.embedding for token in row.v] if options.get("level") == "token" else row.v
        np.testing.assert_allclose(vectors, expected, atol=1e-6, rtol=0)
        assert vectors.dtype == np.float32


def test_no_spark_and_no_jvm() -> None:
    """In a fresh interpreter that notes every process it starts."""
    code = """
import sys
started = []
starts = ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.system")
sys.addaudithook(lambda event, what: started.append(str(what)) if event in starts else None)
from elmo_udf import Elmo, ElmoVectorizer
elmo = Elmo()
assert elmo.encode(["The kettle boils.", "The moon."], show_progress=True).shape == (2, elmo.width())
assert ElmoVectorizer().fit_transform(["The kettle boils."]).shape == (1, elmo.width())
elmo.similarity("a", "b"), elmo.tokens("a"), elmo.most_similar("a", vocabulary=["b"])
print(sorted({"pyspark", "py4j"} & {name.partition(".")[0] for name in sys.modules}))
print([what for what in started if "java" in what or "spark" in what])
"""
    environment = {**os.environ, "JAVA_HOME": "/nowhere"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "[]\n[]\n", done.stdout + done.stderr
    assert "2/2" in done.stderr, "the progress bar"


def test_shapes(elmo: Elmo) -> None:
    width = elmo.width()
    assert elmo.encode(TEXTS).shape == (4, width)
    assert elmo.encode([]).shape == (0, width)
    assert elmo.encode(TEXTS[0]).shape == (width,)
    assert [rows.shape for rows in elmo.encode(TEXTS, level="sentence")] == [(2, width), *[(1, width)] * 3]
    assert elmo.encode("A kettle boils.", level="token").shape == (4, width)
    assert elmo.encode(text for text in TEXTS).shape == (4, width)
    np.testing.assert_array_equal(elmo.encode(pd.Series(TEXTS)), elmo.encode(np.array(TEXTS)))
    assert elmo.encode(TEXTS, layer="word_emb").shape == (4, elmo.width("word_emb"))


def test_texts_may_be_tokens(elmo: Elmo) -> None:
    expected = numpy_elmo.layers(MODEL, ["A", "kettle"])["elmo"]
    np.testing.assert_allclose(elmo.encode([["A", "kettle"]])[0], expected.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(elmo.encode([[["A", "kettle"]]], level="token")[0], expected, atol=1e-5)


def test_tokens_and_their_vectors_by_layer(elmo: Elmo) -> None:
    tokens, vectors = elmo.tokens("A kettle boils.")
    assert tokens == ["A", "kettle", "boils", "."]
    expected = numpy_elmo.layers(MODEL, tokens)
    assert tuple(vectors) == elmo.layers == ("elmo", "word_emb", "lstm_outputs1", "lstm_outputs2")
    for name, rows in vectors.items():
        np.testing.assert_allclose(rows, expected[name], atol=1e-5)


def test_similarity_of_texts_and_of_vectors(elmo: Elmo) -> None:
    vectors = elmo.encode(TEXTS).astype(np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(elmo.similarity(TEXTS), unit @ unit.T, atol=1e-6)
    np.testing.assert_array_equal(elmo.similarity(TEXTS), elmo.similarity(elmo.encode(TEXTS)))
    assert elmo.similarity(TEXTS[0], TEXTS[1:]).shape == (1, 3)
    assert elmo.similarity([], TEXTS).shape == (0, 4)


def test_most_similar_words_by_themselves(elmo: Elmo) -> None:
    words = ["money", "river", "bank", "loan", "river"]
    alone = {word: numpy_elmo.layers(MODEL, [word])["elmo"][0].astype(np.float64) for word in words}
    expected = {word: cosine(alone["bank"], vector) for word, vector in alone.items() if word != "bank"}
    found = elmo.most_similar("bank", vocabulary=words, k=2)
    assert [word for word, _ in found] == sorted(expected, key=lambda word: -expected[word])[:2]
    assert [score for _, score in found] == pytest.approx([expected[word] for word, _ in found], abs=1e-5)


def test_most_similar_words_in_context(elmo: Elmo) -> None:
    context = "He sat on the bank ."
    texts = [context, "The bank lends money .", ""]
    vector = numpy_elmo.layers(MODEL, context.split())["elmo"][4].astype(np.float64)
    expected = {
        (text, i): cosine(vector, other)
        for text in texts[:2]
        for i, other in enumerate(numpy_elmo.layers(MODEL, text.split())["elmo"].astype(np.float64))
        if (text, i) != (context, 4)
    }
    found = elmo.most_similar("bank", texts=texts, context=context, k=4)
    assert [(one.text, one.position) for one in found] == sorted(expected, key=lambda key: -expected[key])[:4]
    assert [one.cosine for one in found] == pytest.approx([expected[one.text, one.position] for one in found], abs=1e-5)
    assert all(one.text.split()[one.position] == one.word for one in found)
    assert len(elmo.most_similar("Bank", texts=texts, context=context, k=100)) == 10  # matches in another case


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_missing_texts(elmo: Elmo) -> None:
    texts = ["A kettle.", None, "", float("nan"), pd.NA]
    vectors = elmo.encode(texts, missing="nan")
    assert np.isnan(vectors).all(axis=1).tolist() == [False, True, True, True, True]
    assert [len(rows) for rows in elmo.encode(texts, level="token", missing="nan")] == [3, 0, 0, 0, 0]
    with pytest.raises(UserError, match=r"text 1 \(counted from 0\) has no vector, because the text is NULL"):
        elmo.encode(texts)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda elmo: elmo.encode(["a"], layer="top"), "layer 'top' is not in the model; expected one of elmo"),
        (lambda elmo: elmo.encode(["a"], pooling="sum"), "encode: pooling is 'sum', expected one of mean, max"),
        (lambda elmo: elmo.encode(["a"], missing="zero"), "missing is 'zero', expected one of error, nan"),
        (lambda elmo: elmo.encode(["a", 1]), "text 1 (counted from 0) is int, expected a string"),
        (lambda elmo: elmo.encode([["a", 1]]), "text 0 (counted from 0) is list, expected a string"),
        (lambda elmo: elmo.encode(b"a"), "texts are a bytes, expected strings in a list"),
        (lambda elmo: elmo.encode(pd.DataFrame({"text": ["a"]})), "a DataFrame of 2 dimensions, expected strings"),
        (lambda elmo: elmo.tokens(" "), "text 0 (counted from 0) has no vector, because the text has no token"),
        (lambda elmo: elmo.similarity(np.ones((1, 2)), "a"), "wide, expected one width"),
        (lambda elmo: elmo.similarity(np.zeros((1, 2))), "vector 0 (counted from 0) is zero or not finite"),
        (lambda elmo: elmo.similarity(np.ones(2)), "vectors have the shape (2,), expected"),
        (lambda elmo: elmo.most_similar("a"), "most_similar got nothing to compare with"),
        (lambda elmo: elmo.most_similar("a", texts=["a"], vocabulary=["a"]), "expected one of them"),
        (lambda elmo: elmo.most_similar("a", texts=["a"], context="b c"), "the context has no token 'a', found b c"),
        (lambda elmo: elmo.most_similar("a", vocabulary=["b"], k=0), "k is 0, expected at least 1"),
        (lambda elmo: elmo.most_similar("a", vocabulary=["b"], layer="top"), "layer 'top' is not in the model"),
        (lambda _: Elmo("builtin:maxi"), "model 'builtin:maxi'"),
        (lambda _: Elmo(device="tpu"), "Elmo: device is 'tpu', expected one of auto, cpu, gpu"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_mistakes_are_named(elmo: Elmo, call: Callable[[Elmo], object], words: str) -> None:
    with pytest.raises(UserError) as error:
        call(elmo)
    assert words in str(error.value)


def test_a_pickle_holds_the_handle(elmo: Elmo) -> None:
    pickled = pickle.dumps(elmo)
    assert len(pickled) < 1000
    np.testing.assert_allclose(pickle.loads(pickled).encode(TEXTS), elmo.encode(TEXTS), atol=1e-6)


def test_keywords_are_the_model_options() -> None:
    """Completion shows every option, with the same default and type."""
    options = {item.name: (item.default, item.type) for item in fields(ModelOptions)}
    udf = keywords(elmo_udf.elmo_udf)
    assert udf.pop("spark")[0] is None
    assert udf == options
    of_encode = keywords(Elmo.encode)
    extra = {name: of_encode.pop(name)[0] for name in ("self", "texts", "missing", "show_progress")}
    assert (extra["missing"], extra["show_progress"]) == ("error", False)
    aliases = {"Pooling": "Literal['mean', 'max']", "Level": "Literal['document', 'sentence', 'token']"}
    of_encode = {name: (default, aliases.get(kind, kind)) for name, (default, kind) in of_encode.items()}
    of_model = keywords(Elmo.__init__)
    del of_model["self"]
    assert of_model | of_encode == options
    assert not of_model.keys() & of_encode.keys()


def keywords(function: Callable[..., Any]) -> dict[str, tuple[object, str]]:
    parameters = inspect.signature(function).parameters
    assert all(one.kind != one.VAR_KEYWORD for one in parameters.values())
    return {name: (one.default, str(one.annotation).replace('"', "'")) for name, one in parameters.items()}


def test_the_package_lists_its_names_and_says_what_to_import() -> None:
    assert dir(elmo_udf) == sorted(elmo_udf.__all__)
    assert {"Elmo", "ElmoVectorizer", "elmo_udf", "compare"} <= set(dir(elmo_udf))
    with pytest.raises(TypeError, match="from elmo_udf import elmo_udf"):
        elmo_udf("builtin:mini")
    with pytest.raises(TypeError, match="unexpected keyword argument 'lyer'"):
        elmo_udf.elmo_udf(lyer="elmo")  # type: ignore[call-arg]


def test_every_public_name_is_explained(root: Path) -> None:
    for one in (Elmo, Elmo.__init__, Elmo.encode, Elmo.tokens, Elmo.similarity, Elmo.most_similar, Elmo.width):
        assert one.__doc__
        for name in inspect.signature(one).parameters:
            assert name == "self" or one in (Elmo, Elmo.width, Elmo.tokens) or f"{name}:" in one.__doc__, name
