"""Nearest words, in their sentences, to a word in its sentence, against numpy."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from elmo_udf.similarity.queries.job import query
from elmo_udf.similarity.queries.options import QueryOptions
from elmo_udf.similarity.queries.search import nearest
from elmo_udf.text.context import in_context
from tests import numpy_elmo
from tests.query_tables import MODEL, cosines, embedded


@pytest.fixture(scope="module")
def tables(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return embedded(spark, tmp_path_factory.mktemp("query"), "token")


def test_words_in_their_sentences(spark: SparkSession, tables: dict[str, str]) -> None:
    text = "The bank raised its rates."
    report = query(spark, QueryOptions(embeddings=tables["token"], text=text, level="token", word="bank", k=4))
    assert [(a["id"], a["token"], a["cosine"]) for a in report["answers"][:2]] == [
        ("b", "bank", 1.0),
        ("d", "bank", 1.0),
    ]
    rows = pq.read_table(tables["token"]).to_pylist()
    vector = numpy_elmo.layers(MODEL, ["The", "bank", "raised", "its", "rates", "."])["elmo"][1]
    best = np.sort(cosines(rows, vector))[::-1][:4]
    np.testing.assert_allclose([a["cosine"] for a in report["answers"]], best, atol=2e-6)


def test_answers_say_where_the_words_are(spark: SparkSession, tables: dict[str, str]) -> None:
    text = "They sat on the bank. A bank raised its rates."
    asked = {"embeddings": tables["token"], "text": text, "level": "token", "word": "bank", "k": 3}
    reports = [query(spark, QueryOptions(**asked, occurrence=n)) for n in (1, 2)]  # type: ignore[arg-type]
    found = [(report["word_in_its_sentence"], report["occurrences"]) for report in reports]
    assert found == [("They sat on the [bank] .", 2), ("A [bank] raised its rates .", 2)]
    rows = pq.read_table(tables["token"]).to_pylist()
    for report, sentence in zip(reports, ["They sat on the bank .", "A bank raised its rates ."], strict=True):
        vector = numpy_elmo.layers(MODEL, sentence.split())["elmo"][sentence.split().index("bank")]
        best = np.sort(cosines(rows, vector))[::-1][:3]
        np.testing.assert_allclose([a["cosine"] for a in report["answers"]], best, atol=2e-6)
        for answer in report["answers"]:
            tokens = [row["token"] for row in rows if row["id"] == answer["id"]]
            tokens[answer["token_index"]] = f"[{answer['token']}]"
            assert answer["sentence"] == " ".join(tokens)


@pytest.mark.slow
def test_other_words_each_once(spark: SparkSession, tables: dict[str, str]) -> None:
    """As gensim's most_similar: never the word itself, and no word twice, whatever its case."""
    text = "The bank raised its rates."
    asked = {"embeddings": tables["token"], "text": text, "level": "token", "word": "bank", "distinct_words": True}
    report = query(spark, QueryOptions(**asked, k=6))  # type: ignore[arg-type]
    rows = pq.read_table(tables["token"]).to_pylist()
    values = cosines(rows, numpy_elmo.layers(MODEL, ["The", "bank", "raised", "its", "rates", "."])["elmo"][1])
    best: dict[str, tuple[float, str]] = {}
    for row, value in sorted(zip(rows, values, strict=True), key=lambda pair: (-pair[1], pair[0]["id"])):
        if row["token"].lower() != "bank":
            best.setdefault(row["token"].lower(), (value, row["id"]))
    expected = sorted((-value, name, word) for word, (value, name) in best.items())[:6]
    assert [(a["token"].lower(), a["id"]) for a in report["answers"]] == [(word, name) for _, name, word in expected]
    np.testing.assert_allclose([a["cosine"] for a in report["answers"]], [-value for value, *_ in expected], atol=2e-6)


@pytest.mark.slow
def test_other_words_of_many_batches(spark: SparkSession) -> None:
    random = np.random.default_rng(8)
    vectors = np.repeat(random.standard_normal((40, 4)), 3, axis=0).astype(np.float32)  # every word ties with itself
    words = [f"{'wW'[i % 2]}{number % 13}" for i, number in enumerate(np.repeat(np.arange(40), 3))]
    data = [(i, words[i], [float(x) for x in vectors[i]]) for i in random.permutation(120).tolist()]
    table = spark.createDataFrame(data, "id int, token string, embedding array<float>").repartition(3)
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 7)
    try:
        found = [(row.id, row.token.lower()) for row in nearest(table, vectors[0], 5, "W0").collect()]
    finally:
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    exact = cosines([{"embedding": v} for v in vectors], vectors[0].astype(np.float64))
    seen: dict[str, int] = {}
    for i in np.lexsort((np.arange(120), -exact)):
        if words[i].lower() != "w0":
            seen.setdefault(words[i].lower(), int(i))
    assert found == [(i, word) for word, i in seen.items()][:5]


def test_context_of_a_word() -> None:
    sentence = ["a", "b", "c", "d", "e", "f", "g"]
    assert in_context(sentence, 0, 2) == "[a] b c …"
    assert in_context(sentence, 3, 2) == "… b c [d] e f …"
    assert in_context(sentence, 6, 9) == "a b c d e f [g]"
