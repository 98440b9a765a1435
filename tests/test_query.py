"""Nearest documents to a text, and to many, against numpy."""

from __future__ import annotations

import io
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from elmo_udf import cli
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.errors import UserError
from elmo_udf.similarity.job import compare_tables
from elmo_udf.similarity.joins.fit import read_correction
from elmo_udf.similarity.kernels.correction import Correction
from elmo_udf.similarity.options import SimilarityOptions
from elmo_udf.similarity.queries import search
from elmo_udf.similarity.queries.job import query
from elmo_udf.similarity.queries.options import QueryOptions
from elmo_udf.similarity.queries.search import nearest
from tests import numpy_elmo
from tests.query_tables import MODEL, cosines, embedded


@pytest.fixture(scope="module")
def tables(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return embedded(spark, tmp_path_factory.mktemp("query"), "document", "token")


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


@pytest.mark.slow
def test_lines_that_are_not_utf8_are_counted_and_end_nothing(
    spark: SparkSession, tables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = b"caf\xe9\nHe banked on it.\n"
    (tmp_path / "lines.txt").write_bytes(lines)
    asked: dict[str, Any] = {"embeddings": tables["document"], "k": 1}
    report = query(spark, QueryOptions(**asked, texts=str(tmp_path / "lines.txt")))
    assert (report["texts"], report["texts_rejected_by_reason"]) == (2, {"not_utf8": 1})
    assert [row["id"] for row in report["answers"]] == ["c"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines), "utf-8"))
    said: list[dict[str, Any]] = []
    query(spark, QueryOptions(**asked, interactive=True), cli.prompted(""), said.append)
    assert said[0] == {"text": "caf?", "error": "not_utf8: the line is not UTF-8"}
    assert said[1]["answers"] == [{"rank": 1, "id": "c", "cosine": 1.0}]


@pytest.mark.slow
def test_one_text_is_answered_in_a_table_like_many(
    spark: SparkSession, tables: dict[str, str], questions: str, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"embeddings": tables["document"], "k": 3}
    query(spark, QueryOptions(**asked, text=QUESTIONS[0], output=str(tmp_path / "one")))
    query(spark, QueryOptions(**asked, texts=questions, output=str(tmp_path / "many")))
    one, many = (pq.read_table(tmp_path / name) for name in ("one", "many"))
    assert one.column_names == many.column_names and one.schema.types == many.schema.types
    assert one.drop_columns("query_id").equals(many.slice(0, 3).drop_columns("query_id"))


@pytest.mark.parametrize(
    ("texts", "output"), [("a.jsonl", "a.jsonl"), ("*.jsonl", "a.jsonl"), (".", "new.jsonl"), ("a.jsonl", ".")]
)
def test_questions_are_not_written_over(
    spark: SparkSession, tables: dict[str, str], questions: str, tmp_path: Path, texts: str, output: str
) -> None:
    path = Path(shutil.copy(questions, tmp_path / "a.jsonl"))
    asked = {"embeddings": tables["document"], "mode": "overwrite"}
    asked |= {"texts": f"{tmp_path}/{texts}", "output": f"{tmp_path}/{output}"}
    with pytest.raises(UserError, match=r"the texts .* expected (a separate path|separate paths)"):
        query(spark, QueryOptions(**asked))  # type: ignore[arg-type]
    assert path.read_text("utf-8") == Path(questions).read_text("utf-8")


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_line_of_two_sentences_is_one_question(spark: SparkSession, tables: dict[str, str], tmp_path: Path) -> None:
    """Also where the rows of the table are sentences."""
    path = str(tmp_path / "sentences")
    embed_corpus(spark, EmbedOptions(input=tables["csv"], output=path, model=tables["model"], level="sentence"))
    text = "He banked on it. The moon."
    said: list[dict[str, Any]] = []
    query(spark, QueryOptions(embeddings=path, interactive=True, k=3), [text], said.append)
    assert said[0]["answers"] == query(spark, QueryOptions(embeddings=path, text=text, k=3))["answers"]
    assert said[0]["answers"][0]["cosine"] < 0.999999


@pytest.mark.slow
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
    said: list[dict[str, Any]] = []
    query(spark, QueryOptions(**asked, interactive=True, k=2), [QUESTIONS[0]], said.append)
    assert said[0]["answers"] == one["answers"]
    assert one["correction"] == "center" and expected[1] != expected_answers(tables, 2)[1]
    all_of_it = Correction("remove-16", np.zeros(16), np.eye(16), np.ones(16), 4)  # leaves nothing of any vector
    Path(result, "_correction.npz").write_bytes(all_of_it.to_bytes())
    Path(result, "._correction.npz.crc").unlink(missing_ok=True)
    with pytest.raises(UserError, match=r"text 'A bank.' has no direction"):
        query(spark, QueryOptions(**asked, text="A bank."))
    with pytest.raises(UserError, match=r"has no line with a vector, found \{.*'no_direction': 3\}"):
        query(spark, QueryOptions(**asked, texts=questions))
    said.clear()
    query(spark, QueryOptions(**asked, interactive=True), ["A bank."], said.append)
    assert said[0]["error"].startswith("no direction")
    made = json.loads(Path(result, "_elmo.json").read_text("utf-8"))
    made["vectors"]["layer"] = "word_emb"
    Path(result, "_elmo.json").write_text(json.dumps(made), "utf-8")
    Path(result, "._elmo.json.crc").unlink(missing_ok=True)
    with pytest.raises(UserError, match=r"is of vectors with layer 'word_emb', and table .* has 'elmo'"):
        query(spark, QueryOptions(**asked, text="A bank."))
    with pytest.raises(UserError, match=r"correction .* does not exist"):
        query(spark, QueryOptions(embeddings=tables["document"], correction=questions, text="A bank."))


@pytest.mark.parametrize(
    ("table", "options", "words"),
    [
        ("csv", {}, "can't be read"),
        ("token", {}, "has level token, but --level document needs document or sentence"),
        ("document", {"level": "token", "word": "bank"}, "has level document, but --level token needs token"),
        ("document", {"text": " "}, "has no token"),
        ("document", {"model": "builtin:mini"}, "was made with"),
        ("token", {"level": "token", "word": "stream"}, "word 'stream' is not a token of the text; found 'A bank .'"),
        (
            "token",
            {"level": "token", "word": "bank", "text": "A bank, a bank.", "occurrence": 3},
            "word 'bank' occurs in the text 2 times, but occurrence is 3; expected at most 2",
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
        ({"text": None, "interactive": True, "output": "x"}, "can't write --output"),
        ({"text": None, "texts": "file", "level": "token", "word": "bank"}, "--word is a word of --text"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        QueryOptions(**{"embeddings": "table", "text": "A bank."} | options)
