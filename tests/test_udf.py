"""The pandas UDF in DataFrames and in SQL, against the numpy reference and against TensorFlow Hub."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.errors import PythonException
from pyspark.sql import SparkSession

from elmo_udf import elmo_udf, register
from elmo_udf.embedding.udf import _is_null
from elmo_udf.errors import UserError
from tests import numpy_elmo
from tests.make_models import random_model
from tests.model_files import write_folder
from tests.savedmodels import write_tf2

MODEL = random_model(11)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_folder(MODEL, tmp_path_factory.mktemp("model") / "elmo"))


def mean(sentence: list[str]) -> np.ndarray:
    return numpy_elmo.layers(MODEL, sentence)["elmo"].mean(axis=0)


def test_in_a_dataframe_with_nulls_and_in_order(spark: SparkSession, model: str) -> None:
    texts = ["one two", None, "", "three", "four five six", None]
    table = spark.createDataFrame(list(enumerate(texts)), "n int, text string").coalesce(1)
    udf = elmo_udf(model, tokenizer="whitespace")
    for batch in ("2", "10000"):  # windows go across Arrow batches
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", batch)
        try:
            rows = table.select("n", udf("text").alias("v")).orderBy("n").collect()
        finally:
            spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
        assert [row.v is None for row in rows] == [False, True, True, False, False, True]
        for row in rows:
            if row.v is not None:
                np.testing.assert_allclose(row.v, mean(texts[row.n].split()), atol=1e-5)


def test_null_text_reaches_the_udf_as_nan_or_none() -> None:
    # pandas 3 holds strings as "str", whose missing value is NaN; older ones, and other dtypes, hold None or NA
    for series in (
        pd.Series(["a", None]),
        pd.Series(["a", None], dtype=object),
        pd.Series(["a", None], dtype="string"),
    ):
        assert [_is_null(text) for text in series] == [False, True]
    assert _is_null(math.nan)
    assert not _is_null("nan")


def test_levels_and_tokens_as_input(spark: SparkSession, model: str) -> None:
    sentences = [["To", "be"], ["or", "not", "."]]
    table = spark.createDataFrame([(sentences, sentences[0])], "nested array<array<string>>, flat array<string>")
    row = table.select(
        elmo_udf(model, level="sentence")("nested").alias("sentence"),
        elmo_udf(model, level="token")("nested").alias("token"),
        elmo_udf(model)("flat").alias("flat"),
    ).collect()[0]
    np.testing.assert_allclose(row.sentence, [mean(sentence) for sentence in sentences], atol=1e-5)
    assert [(t.sentence_index, t.token_index, t.token) for t in row.token] == [
        (0, 0, "To"), (0, 1, "be"), (1, 0, "or"), (1, 1, "not"), (1, 2, "."),
    ]  # fmt: skip
    every = np.concatenate([numpy_elmo.layers(MODEL, sentence)["elmo"] for sentence in sentences])
    np.testing.assert_allclose([t.embedding for t in row.token], every, atol=1e-5)
    np.testing.assert_allclose(row.flat, mean(sentences[0]), atol=1e-5)


def test_empty_parts_of_lists_keep_their_places(spark: SparkSession, model: str) -> None:
    table = spark.createDataFrame([([["To", ""], [], ["", "be"], []],)], "words array<array<string>>")
    row = table.select(
        elmo_udf(model, level="sentence")("words").alias("sentence"),
        elmo_udf(model, level="token")("words").alias("token"),
    ).collect()[0]
    np.testing.assert_allclose(row.sentence[0], mean(["To"]), atol=1e-5)
    np.testing.assert_allclose(row.sentence[2], mean(["be"]), atol=1e-5)
    assert (row.sentence[1], len(row.sentence)) == (None, 3)
    assert [(t.sentence_index, t.token_index, t.token) for t in row.token] == [(0, 0, "To"), (2, 1, "be")]


def test_in_sql(spark: SparkSession, model: str) -> None:
    register(spark, "elmo_test", model, tokenizer="whitespace", layer="word_emb")
    row = spark.sql("SELECT elmo_test('hello world') AS v, elmo_test(CAST(NULL AS STRING)) AS nothing").collect()[0]
    expected = numpy_elmo.layers(MODEL, ["hello", "world"])["word_emb"].mean(axis=0)
    np.testing.assert_allclose(row.v, expected, atol=1e-5)
    assert row.nothing is None


@pytest.mark.slow
def test_default_of_a_hub_model_is_our_document_vector(spark: SparkSession, tmp_path: Path) -> None:
    import tensorflow as tf
    import tensorflow_hub as hub

    folder = write_tf2(MODEL, tmp_path / "hub")
    texts = ["the cat is on the mat", "Dogs,  too.", "ünïcode wörds and a " + "long" * 20 + " one", "x"]
    module = hub.load(str(folder))
    theirs = [module.signatures["default"](tf.constant([text]))["default"].numpy()[0] for text in texts]
    table = spark.createDataFrame(list(enumerate(texts)), "n int, text string")
    rows = table.select("n", elmo_udf(str(folder), tokenizer="whitespace")("text").alias("v")).orderBy("n").collect()
    np.testing.assert_allclose([row.v for row in rows], theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("1", "int32"),
        pytest.param("1.5D", "float64", marks=pytest.mark.slow),
        pytest.param("array(1, 2)", "int32", marks=pytest.mark.slow),
        pytest.param("named_struct('a', 'b')", "struct", marks=pytest.mark.slow),
    ],
)
def test_a_column_that_is_no_text_is_named(spark: SparkSession, model: str, column: str, kind: str) -> None:
    with pytest.raises(PythonException, match=f"elmo_udf got a column of {kind}, expected string, array<string>"):
        spark.sql(f"SELECT {column} AS x").select(elmo_udf(model)("x")).collect()


def test_a_column_of_null_is_text(spark: SparkSession, model: str) -> None:
    table = spark.createDataFrame([(None, None), (None, [None])], "a string, b array<string>")
    rows = table.select(elmo_udf(model)("a"), elmo_udf(model)("b")).collect()
    assert [tuple(row) for row in rows] == [(None, None)] * 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layer": "top"}, "layer 'top' is not in the model"),
        ({"pooling": "sum"}, "elmo_udf: pooling is 'sum', expected one of mean, max"),
        ({"model": "builtin:maxi"}, "model 'builtin:maxi'"),
    ],
)
def test_mistakes_are_refused_on_the_driver(spark: SparkSession, options: dict[str, str], words: str) -> None:
    with pytest.raises(UserError) as error:
        elmo_udf(**options)  # type: ignore[arg-type]
    assert words in str(error.value)
