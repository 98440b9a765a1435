"""Nearest documents and words to a text, against numpy."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from elmo_udf import cli
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.errors import UserError
from elmo_udf.options import EmbedOptions, QueryOptions, SimilarityOptions
from elmo_udf.similarity import search
from elmo_udf.similarity.correction import Correction
from elmo_udf.similarity.fit import read_correction
from elmo_udf.similarity.job import compare_tables
from elmo_udf.similarity.query import query
from elmo_udf.similarity.search import nearest
from elmo_udf.text.context import in_context
from tests import numpy_elmo
from tests.make_models import random_model
from tests.model_files import write_folder

MODEL = random_model(11)
TEXTS = {
    "a": "They sat on the bank of the river.",
    "b": "The bank raised its rates.",
    "c": "He banked on it.",
    "d": "The bank raised its rates.",
}


@pytest.fixture(scope="module")
def tables(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("query")
    model = str(write_folder(MODEL, folder / "elmo"))
    (folder / "d.csv").write_text("id,text\n" + "".join(f'{i},"{text}"\n' for i, text in TEXTS.items()))
    paths = {"csv": str(folder / "d.csv"), "model": model}
    for level in ("document", "token"):
        paths[level] = str(folder / level)
        embed_corpus(spark, EmbedOptions(input=paths["csv"], output=paths[level], model=model, level=level))
    return paths


def cosines(rows: list[dict[str, object]], vector: np.ndarray) -> np.ndarray:
    matrix = np.array([row["embedding"] for row in rows], np.float64)
    return np.round(matrix @ vector / np.linalg.norm(matrix, axis=1) / np.linalg.norm(vector), 6)


def test_documents(spark: SparkSession, tables: dict[str, str]) -> None:
    text = "The bank has a river ."
    report = query(spark, QueryOptions(embeddings=tables["document"], text=text, k=4))
    rows = pq.read_table(tables["document"]).to_pylist()
    vector = numpy_elmo.layers(MODEL, text.split())["elmo"].mean(axis=0)
    expected = sorted(zip(-cosines(rows, vector), [row["id"] for row in rows], strict=True))
    assert [answer["id"] for answer in report["answers"]] == [identifier for _, identifier in expected]
    np.testing.assert_allclose([a["cosine"] for a in report["answers"]], [-c for c, _ in expected], atol=2e-6)
    assert [answer["rank"] for answer in report["answers"]] == [1, 2, 3, 4]
    twins = [answer for answer in report["answers"] if answer["id"] in ("b", "d")]
    assert [t["id"] for t in twins] == ["b", "d"]
    assert len({t["cosine"] for t in twins}) == 1


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


@pytest.mark.parametrize(("partitions", "batch_rows"), [(3, 7), (1, 1000)])  # the second is cut within a tie
def test_many_batches_are_reduced_and_ties_go_by_id(spark: SparkSession, partitions: int, batch_rows: int) -> None:
    random = np.random.default_rng(3)
    vectors = np.repeat(random.standard_normal((50, 4)), 4, axis=0).astype(np.float32)
    order = random.permutation(200)
    data = [(int(i), [float(x) for x in vectors[i]]) for i in order]
    table = spark.createDataFrame(data, "id int, embedding array<float>").repartition(partitions)
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", batch_rows)
    try:
        found = [tuple(row) for row in nearest(table, vectors[0], 10).collect()]
    finally:
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    exact = cosines([{"embedding": v} for v in vectors], vectors[0].astype(np.float64))
    expected = sorted(zip(-exact, range(200), strict=True))[:10]
    assert found == [(i, pytest.approx(-c, abs=1e-9)) for c, i in expected]


QUESTIONS = ["The bank has a river .", "", "He banked on it.", "Rates , rates ."]


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("questions") / "questions.txt"
    path.write_text("".join(f"{question}\n" for question in QUESTIONS), "utf-8")
    return str(path)


def expected_answers(tables: dict[str, str], k: int, correct: Any = None) -> dict[int, list[tuple[str, float]]]:
    """(id, cosine) of the k nearest to each question, by its line."""
    rows = pq.read_table(tables["document"]).to_pylist()
    found = {}
    for line, question in enumerate(QUESTIONS, 1):
        if question:
            tokens = question.replace(".", " .").split()
            vector = numpy_elmo.layers(MODEL, tokens)["elmo"].mean(axis=0)
            values = [row["embedding"] for row in rows]
            if correct is not None:
                vector, values = correct(vector[None])[0], correct(np.array(values, np.float64))
            cosine = cosines([{"embedding": value} for value in values], vector)
            found[line] = sorted(zip([row["id"] for row in rows], cosine, strict=True), key=lambda x: (-x[1], x[0]))[:k]
    return found


def test_texts_of_a_file_are_answered_in_few_passes(
    spark: SparkSession, tables: dict[str, str], questions: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "QUERIES_IN_A_PASS", 2)
    asked = {"embeddings": tables["document"], "texts": questions, "k": 3}
    report = query(spark, QueryOptions(**asked, output=str(tmp_path / "answers")))  # type: ignore[arg-type]
    assert (report["texts"], report["texts_answered"], report["rows_out"]) == (4, 3, 9)
    assert report["texts_rejected_by_reason"] == {"blank_text": 1}
    rows = pq.read_table(tmp_path / "answers")
    assert rows.column_names == ["query_id", "text", "rank", "id", "cosine"]
    expected = expected_answers(tables, 3)
    by_line = {line: [row for row in rows.to_pylist() if row["query_id"] == f"{questions}:{line}"] for line in expected}
    for line, answers in expected.items():
        assert [row["text"] for row in by_line[line]] == [QUESTIONS[line - 1]] * 3
        assert [(row["rank"], row["id"]) for row in by_line[line]] == [(n, i) for n, (i, _) in enumerate(answers, 1)]
        np.testing.assert_allclose([row["cosine"] for row in by_line[line]], [c for _, c in answers], atol=2e-6)
    query(spark, QueryOptions(**asked, output=str(tmp_path / "answers.jsonl")))  # type: ignore[arg-type]
    objects = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text("utf-8").splitlines()]
    assert [(answer["query_id"], answer["text"]) for answer in objects] == [
        (f"{questions}:{line}", QUESTIONS[line - 1]) for line in (1, 3, 4)
    ]
    assert [row for answer in objects for row in answer["answers"]] == rows.drop_columns(
        ["query_id", "text"]
    ).to_pylist()
    with pytest.raises(UserError, match="exists already; give another path, or --mode overwrite"):
        query(spark, QueryOptions(**asked, output=str(tmp_path / "answers.jsonl")))  # type: ignore[arg-type]


def test_lines_are_answered_one_by_one_and_the_model_stays(
    spark: SparkSession, tables: dict[str, str], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer is out before the next line is asked for, and the second one is not slowed down by a model."""
    said: list[dict[str, Any]] = []
    at: list[float] = []

    def lines() -> Any:
        for number, line in enumerate([QUESTIONS[0], "  ", "\x01", QUESTIONS[2], "He banked on it."]):
            assert len(said) == [0, 1, 1, 2, 3][number]
            at.append(time.perf_counter())
            yield line + "\n"
        at.append(time.perf_counter())

    report = query(spark, QueryOptions(embeddings=tables["document"], interactive=True, k=2), lines(), said.append)
    assert (report["texts"], report["texts_answered"]) == (4, 3)
    expected = expected_answers(tables, 2)
    assert [a["id"] for a in said[0]["answers"]] == [i for i, _ in expected[1]]
    np.testing.assert_allclose([a["cosine"] for a in said[0]["answers"]], [c for _, c in expected[1]], atol=2e-6)
    assert "blank_text" in said[1]["error"]
    assert said[2]["answers"][0] == {"rank": 1, "id": "c", "cosine": 1.0} and said[3]["answers"] == said[2]["answers"]
    assert at[5] - at[4] < 10
    monkeypatch.setattr("sys.stdin", io.StringIO("He banked on it.\nThe bank.\n"))
    flags = ["--embeddings", tables["document"], "--interactive", "--k", "1"]
    assert cli.run_job(query, QueryOptions, "", flags, converses=True) == 0
    printed = capsys.readouterr().out
    assert "rank  id  cosine  \n1     c   1.000000" in printed and printed.count("rank  id") == 2
    assert printed.index("The bank.") < printed.index("texts_answered")  # the summary comes at the end


def test_corrected_as_a_result_was(spark: SparkSession, tables: dict[str, str], questions: str, tmp_path: Path) -> None:
    result = str(tmp_path / "near")
    compare_tables(
        spark, SimilarityOptions(kind="topk", embeddings=tables["document"], output=result, k=2, center=True)
    )
    correction = read_correction(spark, result)
    asked: dict[str, Any] = {"embeddings": tables["document"], "correction": result}
    expected = expected_answers(tables, 2, correction.apply)
    many = query(spark, QueryOptions(**asked, texts=questions, k=2))
    one = query(spark, QueryOptions(**asked, text=QUESTIONS[0], k=2))
    found = [row for row in many["answers"] if row["query_id"].endswith(":1")]
    for answers in (found, one["answers"]):
        assert [row["id"] for row in answers] == [i for i, _ in expected[1]]
        np.testing.assert_allclose([row["cosine"] for row in answers], [c for _, c in expected[1]], atol=1e-4)
    assert one["correction"] == "center" and expected[1] != expected_answers(tables, 2)[1]
    all_of_it = Correction("remove-16", np.zeros(16), np.eye(16), np.ones(16), 4)  # leaves nothing of any vector
    Path(result, "_correction.npz").write_bytes(all_of_it.to_bytes())
    Path(result, "._correction.npz.crc").unlink(missing_ok=True)
    with pytest.raises(UserError, match=r"text 'A bank.' has no direction"):
        query(spark, QueryOptions(**asked, text="A bank."))
    with pytest.raises(UserError, match=r"has no line with a vector, found \{.*'no_direction': 3\}"):
        query(spark, QueryOptions(**asked, texts=questions))
    said: list[dict[str, Any]] = []
    query(spark, QueryOptions(**asked, interactive=True), ["A bank."], said.append)
    assert said[0]["error"].startswith("no direction")
    made = json.loads(Path(result, "_elmo.json").read_text("utf-8"))
    made["vectors"]["layer"] = "word_emb"
    Path(result, "_elmo.json").write_text(json.dumps(made), "utf-8")
    Path(result, "._elmo.json.crc").unlink(missing_ok=True)
    with pytest.raises(UserError, match=r"is of vectors with layer 'word_emb', and table .* has 'elmo'"):
        query(spark, QueryOptions(**asked, text="A bank."))
    with pytest.raises(UserError, match=r"correction .* is not there"):
        query(spark, QueryOptions(embeddings=tables["document"], correction=questions, text="A bank."))


@pytest.mark.parametrize(
    ("table", "options", "words"),
    [
        ("csv", {}, "can't be read"),
        ("token", {}, "is of level token, and --level document needs one of document or sentence"),
        ("document", {"level": "token", "word": "bank"}, "is of level document, and --level token needs one of token"),
        ("document", {"text": " "}, "has no token"),
        ("document", {"model": "builtin:mini"}, "was made with"),
        ("token", {"level": "token", "word": "stream"}, "word 'stream' is not a token of the text; found 'A bank .'"),
        (
            "token",
            {"level": "token", "word": "bank", "text": "A bank, a bank.", "occurrence": 3},
            "word 'bank' is in the text 2 times, and occurrence is 3; expected at most 2",
        ),
    ],
)
def test_mistakes(spark: SparkSession, tables: dict[str, str], table: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as error:
        query(spark, QueryOptions(**{"embeddings": tables[table], "text": "A bank."} | options))
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"occurrence": 2}, "are about words"),
        ({"distinct_words": True}, "are about words"),
        ({"occurrence": 0}, "expected at least 1"),
        ({"word": "bank"}, "go together"),
        ({"k": 1001}, "k is 1001, expected 1 to 1,000"),
        ({"texts": "file"}, "exactly one"),
        ({"text": None}, "exactly one"),
        ({"text": None, "interactive": True, "output": "x"}, "writes no --output"),
        ({"text": None, "texts": "file", "level": "token", "word": "bank"}, "--word is a word of --text"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        QueryOptions(**{"embeddings": "table", "text": "A bank."} | options)
