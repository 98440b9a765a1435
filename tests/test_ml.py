"""The stages for pyspark.ml: what they make, against functions and numpy; saved, loaded, refused."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from pyspark.errors import PySparkException
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import LogisticRegression
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.cleaning import clean
from elmo_udf.ml import ElmoEmbedder, TextCleaner
from tests import numpy_elmo
from tests.make_models import random_model
from tests.model_files import write_folder
from tests.refusals import refused

MODEL = random_model(11)
TEXTS = ["One two", "#three FOUR five-six", None, "...", "7", "two one"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_folder(MODEL, tmp_path_factory.mktemp("model") / "elmo"))


@pytest.fixture
def table(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(list(enumerate(TEXTS)), "n int, text string").coalesce(1)


def layers(text: str) -> dict[str, np.ndarray]:
    return {name: rows.mean(axis=0) for name, rows in numpy_elmo.layers(MODEL, text.split()).items()}


@pytest.mark.slow
def test_vectors_arrays_and_what_becomes_of_blank_texts(table: DataFrame, model: str) -> None:
    stage = ElmoEmbedder(
        inputCol="text", outputCol="v", modelHandle=model, tokenizer="whitespace", poolingLayer="word_emb"
    )
    table = table.withColumn("text", F.when(F.col("n") == 3, " ").otherwise(F.col("text")))
    with pytest.raises(PySparkException, match="a text of column text is NULL or has no token"):
        stage.transform(table).collect()
    arrays = stage.copy().setParams(outputType="array", handleInvalid="keep").transform(table).orderBy("n").collect()
    vectors = stage.setHandleInvalid("skip").transform(table).orderBy("n").collect()
    assert [row.n for row in vectors] == [0, 1, 4, 5]
    assert [row.v is None for row in arrays] == [False, False, True, True, False, False]
    for row in vectors:
        np.testing.assert_allclose(row.v.toArray(), layers(row.text)["word_emb"], atol=1e-5)
        np.testing.assert_array_equal(row.v.toArray(), np.array(arrays[row.n].v, np.float64))


def test_a_mix_of_its_own_is_the_pooled_mix(table: DataFrame, model: str) -> None:
    stage = ElmoEmbedder(
        inputCol="text", outputCol="v", modelHandle=model, tokenizer="whitespace", handleInvalid="skip",
        layerWeights=[0.5, -1.0, 2.0], scale=3.0,
    )  # fmt: skip
    shares = np.exp([0.5, -1.0, 2.0]) / np.exp([0.5, -1.0, 2.0]).sum()
    rows = stage.transform(table).collect()
    assert len(rows) == 5
    for row in rows:
        found = layers(row.text)
        pooled = [np.tile(found["word_emb"], 2), found["lstm_outputs1"], found["lstm_outputs2"]]
        np.testing.assert_allclose(row.v, 3 * np.tensordot(shares, pooled, 1), atol=1e-5)


def test_a_pipeline_is_saved_and_loaded(spark: SparkSession, table: DataFrame, model: str, tmp_path: Path) -> None:
    cleaner = TextCleaner(inputCol="text", outputCol="clean", steps=["punctuation", "lowercase"], punctuation="#-")
    embedder = ElmoEmbedder(
        inputCol="clean", outputCol="features", modelHandle=model, handleInvalid="skip", fingerprint=MODEL.fingerprint()
    )
    labelled = table.withColumn("label", (F.col("n") % 2).cast("double"))
    fitted = Pipeline(stages=[cleaner, embedder, LogisticRegression(maxIter=3)]).fit(labelled)
    fitted.save(str(tmp_path / "pipeline"))
    loaded = PipelineModel.load(str(tmp_path / "pipeline"))
    before, after = (pipeline.transform(table).orderBy("n").collect() for pipeline in (fitted, loaded))
    assert [row.clean for row in after] == [
        clean(t, ("punctuation", "lowercase"), punctuation="#-") for t in TEXTS if t is not None
    ]
    assert [(row.n, row.features, row.probability) for row in after] == [
        (row.n, row.features, row.probability) for row in before
    ]
    loaded.stages[1].setModelHandle("builtin:mini")
    with refused("model 'builtin:mini' has fingerprint", f"expected {MODEL.fingerprint()}", "set modelHandle"):
        loaded.transform(table)


@pytest.mark.parametrize("weights", [{}, {"layerWeights": [0.5, -1.0, 2.0]}], ids=["layer", "mix"])
def test_a_text_is_embedded_once_whatever_uses_its_vector(
    table: DataFrame, model: str, weights: dict[str, object]
) -> None:
    stage = ElmoEmbedder(inputCol="text", outputCol="v", modelHandle=model, handleInvalid="skip", **weights)  # type: ignore[arg-type]
    rows = stage.transform(table).withColumn("w", F.col("v")).where("n < 4").select("v", "w", "n")
    with redirect_stdout(io.StringIO()) as explained:
        rows.explain()
    plan = explained.getvalue()
    assert plan.count("embed(text") == 1, plan


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"poolingLayer": "top"}, "layer 'top' is not in the model"),
        ({"pooling": "sum"}, "pooling is 'sum', expected one of mean, max"),
        ({"outputType": "list"}, "outputType is 'list', expected one of vector, array"),
        ({"handleInvalid": "drop"}, "handleInvalid is 'drop', expected one of error, skip, keep"),
        ({"layerWeights": [0.0]}, "layerWeights has 1 numbers, expected one per layer: word_emb, lstm_outputs1"),
        ({"layerWeights": [0.0] * 3, "pooling": "max"}, "layerWeights mix pooled layers"),
    ],
)
def test_mistakes(table: DataFrame, model: str, params: dict[str, object], words: str) -> None:
    with refused(words):
        ElmoEmbedder(inputCol="text", outputCol="v", modelHandle=model, **params).transform(table)  # type: ignore[arg-type]
