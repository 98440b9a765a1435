"""jobs/embed.py's function on a real Spark: tables, rejects, modes, levels, other readers."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.errors import UserError
from elmo_udf.spark.metadata import metadata_of
from elmo_udf.spark.tables import read_embeddings
from elmo_udf.text.tokenizer import Tokenizer
from tests import numpy_elmo
from tests.make_models import random_model
from tests.model_files import write_folder

MODEL = random_model(11)
ROWS: list[tuple[str | None, str | None, str]] = [
    ("a", 'The cat sat, "happy", on the mat.\nThen it left.', "en"),
    ("b", "Das ist ein Text. Und noch ein Satz!", "de"),
    ("n", None, "en"),
    ("blank", "\u00a0\u2003\t ", "en"),
    ("nul", "\0\0", "en"),
    ("a", "The same id, another text.", "en"),
    (None, "A text without an id.", "en"),
    ("long", "x" * 80 + " is one token.", "en"),
]
SMALLEST_A = min(
    (text for identifier, text, _ in ROWS if identifier == "a"), key=lambda t: hashlib.sha256(t.encode()).hexdigest()
)
EMBEDDED = {"a": SMALLEST_A, "b": ROWS[1][1], "long": ROWS[7][1]}

Embed = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_folder(MODEL, tmp_path_factory.mktemp("model") / "elmo"))


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("in") / "documents.jsonl"
    lines = [json.dumps({"id": i, "text": t, "lang": lang}) for i, t, lang in ROWS] + ['{"id": "broken", ']
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def embed(spark: SparkSession, model: str, documents: Path, tmp_path: Path) -> Embed:
    def run(**options: Any) -> dict[str, Any]:
        values = {"input": str(documents), "output": str(tmp_path / "out"), "model": model} | options
        return embed_corpus(spark, EmbedOptions(**values))

    return run


def expected(text: str, layer: str = "elmo") -> list[np.ndarray]:
    return [numpy_elmo.layers(MODEL, sentence)[layer] for sentence in Tokenizer()(text).sentences]


def test_table_and_rejects(embed: Embed, tmp_path: Path) -> None:
    report = embed(keep_columns=("lang",), partitions=3)
    table = {row["id"]: row for row in pq.read_table(tmp_path / "out").to_pylist()}
    assert table.keys() == EMBEDDED.keys()
    for identifier, text in EMBEDDED.items():
        row, sentences = table[identifier], expected(text)
        np.testing.assert_allclose(row["embedding"], np.concatenate(sentences).mean(axis=0), atol=1e-5)
        assert (row["n_tokens"], row["n_sentences"]) == (sum(map(len, sentences)), len(sentences))
        assert row["content_hash"] == hashlib.sha256(text.encode()).hexdigest()
        assert row["model"] == MODEL.fingerprint()
    assert [table[i]["n_truncated"] for i in ("a", "b", "long")] == [0, 0, 1]
    assert table["b"]["lang"] == "de"
    rejects = sorted((r["id"] or "", r["reason"]) for r in pq.read_table(tmp_path / "out-rejects").to_pylist())
    assert rejects == [
        ("", "malformed_record"),
        ("", "null_id"),
        ("a", "duplicate_id"),
        ("blank", "blank_text"),
        ("n", "null_text"),
        ("nul", "blank_text"),
    ]
    details = {r["id"]: r["detail"] for r in pq.read_table(tmp_path / "out-rejects").to_pylist()}
    assert all(details.values())
    assert details["blank"] == "none of the text's 4 characters is visible"
    assert details["nul"] == "the text has no token"  # which the network's input alone tells
    assert (report["rows_in"], report["rows_embedded"], report["rows_rejected"]) == (9, 3, 6)
    assert report["rejected_by_reason"] == {
        "malformed_record": 1, "null_id": 1, "duplicate_id": 1, "blank_text": 2, "null_text": 1,
    }  # fmt: skip
    assert report["n_tokens"] == sum(row["n_tokens"] for row in table.values())
    assert not list(tmp_path.glob("_*")), "the staging folder is left behind"


def test_schema_and_metadata_for_every_reader(embed: Embed, spark: SparkSession, tmp_path: Path, model: str) -> None:
    embed(layer="word_emb", keep_columns=("lang", "text"))
    path, files = str(tmp_path / "out"), str(tmp_path / "out" / "*.parquet")
    table = read_embeddings(spark, path)
    assert [(f.name, f.dataType.simpleString()) for f in table.schema] == [
        ("id", "string"), ("embedding", "array<float>"), ("n_tokens", "int"), ("n_sentences", "int"),
        ("n_truncated", "int"), ("content_hash", "string"), ("model", "string"), ("embedded_at", "timestamp"),
        ("lang", "string"), ("text", "string"),
    ]  # fmt: skip
    metadata = metadata_of(table, "embedding")
    assert metadata is not None
    assert (metadata.model, metadata.fingerprint, metadata.layer) == (model, MODEL.fingerprint(), "word_emb")
    assert (metadata.pooling, metadata.tokenizer, metadata.precision, metadata.width) == ("mean", "words", "float32", 8)
    assert json.loads((tmp_path / "out" / "_elmo.json").read_text())["fingerprint"] == MODEL.fingerprint()
    by_spark = {row.id: row.embedding for row in table.collect()}
    by_duckdb = dict(duckdb.sql(f"SELECT id, embedding FROM read_parquet('{files}')").fetchall())
    by_polars = dict(polars.read_parquet(files).select("id", "embedding").iter_rows())
    assert by_spark == {k: list(v) for k, v in by_duckdb.items()} == {k: list(v) for k, v in by_polars.items()}
    np.testing.assert_allclose(
        by_spark["b"], np.concatenate(expected(EMBEDDED["b"], "word_emb")).mean(axis=0), atol=1e-5
    )


def test_level_token(embed: Embed, tmp_path: Path) -> None:
    report = embed(level="token", keep_columns=("lang",))
    rows = pq.read_table(tmp_path / "out").to_pylist()
    assert (report["rows_embedded"], report["n_rows_written"]) == (3, len(rows))
    for identifier, text in EMBEDDED.items():
        found = sorted(
            (r for r in rows if r["id"] == identifier), key=lambda r: (r["sentence_index"], r["token_index"])
        )
        sentences = Tokenizer()(text).sentences
        assert [(r["sentence_index"], r["token_index"], r["token"]) for r in found] == [
            (i, j, token) for i, sentence in enumerate(sentences) for j, token in enumerate(sentence)
        ]
        np.testing.assert_allclose([r["embedding"] for r in found], np.concatenate(expected(text)), atol=1e-5)
        assert {r["n_tokens"] for r in found} == {1}


def test_level_sentence_with_unit_length(embed: Embed, tmp_path: Path) -> None:
    report = embed(level="sentence", normalize=True)
    rows = pq.read_table(tmp_path / "out").to_pylist()
    assert (report["rows_embedded"], report["rows_rejected"]) == (3, 6)
    for identifier, text in EMBEDDED.items():
        found = sorted((r for r in rows if r["id"] == identifier), key=lambda r: r["sentence_index"])
        means = np.stack([sentence.mean(axis=0) for sentence in expected(text)])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        np.testing.assert_allclose([r["embedding"] for r in found], means, atol=1e-5)


def test_vectors_depend_on_the_document_alone(embed: Embed, spark: SparkSession, tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    words = ["cat", "dog", "the", "runs", "naïve", "ß", "x" * 60, "A", "."]
    texts = {f"{i:03}": " ".join(random.choice(words, size=random.integers(1, 60))) for i in range(60)}
    found = []
    for order, partitions in ((1, 1), (-1, 5)):
        path = tmp_path / f"d{partitions}.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("id", "text"), *list(texts.items())[::order]])
        output = str(tmp_path / f"out{partitions}")
        embed(input=str(path), output=output, partitions=partitions)
        rows = spark.read.parquet(output).select("id", "embedding").collect()
        found.append(np.array([row.embedding for row in sorted(rows)]))
    alone = np.array([np.concatenate(expected(text)).mean(axis=0) for text in texts.values()])
    np.testing.assert_allclose(found[0], alone, atol=1e-5)
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)


@pytest.mark.slow
def test_cuts_are_counted_and_lose_no_token(embed: Embed, tmp_path: Path) -> None:
    whole = embed(output=str(tmp_path / "whole"))
    cut = embed(output=str(tmp_path / "cut"), max_sentence_tokens=4)
    lengths = [len(sentence) for text in EMBEDDED.values() for sentence in Tokenizer()(text).sentences]
    assert (whole["n_sentence_cuts"], cut["n_sentence_cuts"]) == (0, sum((n - 1) // 4 for n in lengths))
    assert cut["n_tokens"] == whole["n_tokens"] == sum(lengths)


@pytest.mark.slow
def test_modes(embed: Embed, spark: SparkSession, tmp_path: Path) -> None:
    output = str(tmp_path / "out")
    first = embed()
    again = embed()
    assert again.pop("done_already") and again == json.loads(json.dumps(first)), "the same command on the same input"
    with pytest.raises(UserError, match="exists already; give another path, or --mode overwrite"):
        embed(layer="word_emb")
    (tmp_path / "more.csv").write_text("id,text\nnew,One more text.\n")
    with pytest.raises(UserError, match="was made with layer 'elmo', but this run has 'word_emb'"):
        embed(input=str(tmp_path / "more.csv"), mode="append", layer="word_emb")
    embed(input=str(tmp_path / "more.csv"), mode="append")
    assert sorted(row.id for row in spark.read.parquet(output).collect()) == ["a", "b", "long", "new"]
    assert embed(input=str(tmp_path / "more.csv"), mode="append")["done_already"]
    assert spark.read.parquet(output).count() == 4
    with pytest.raises(UserError, match="already has ids of the input, such as 'new'"):
        (tmp_path / "again.csv").write_text("id,text\nnew,One more text.\n")
        embed(input=str(tmp_path / "again.csv"), mode="append")
    with pytest.raises(UserError, match="have other columns: none only in the table, source string only in this run"):
        (tmp_path / "other.csv").write_text("id,text,source\nother,One more text.,x\n")
        embed(input=str(tmp_path / "other.csv"), mode="append", keep_columns=("source",))
    with pytest.raises(UserError, match="id string only in the table, id bigint only in this run"):
        (tmp_path / "other.json").write_text('{"id": 7, "text": "One more text."}\n')
        embed(input=str(tmp_path / "other.json"), mode="append")
    embed(input=str(tmp_path / "more.csv"), mode="overwrite")
    assert [row.id for row in spark.read.parquet(output).collect()] == ["new"]
    assert pq.read_table(f"{output}-rejects").num_rows == 0
    assert pq.read_table(f"{output}-rejects").column_names == ["id", "reason", "detail"]


def test_all_rejected_leaves_an_empty_table_with_its_schema(embed: Embed, spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("id,text\na,\n")
    report = embed(input=str(tmp_path / "d.csv"))
    assert (report["rows_embedded"], report["rows_rejected"]) == (0, 1)
    table = read_embeddings(spark, str(tmp_path / "out"))
    assert (table.count(), table.schema["embedding"].dataType.simpleString()) == (0, "array<float>")


@pytest.mark.slow
def test_ids_keep_their_type(embed: Embed, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('{"id": 12345678901, "text": "a"}\n{"id": 2, "text": null}\n')
    embed(input=str(tmp_path / "d.json"))
    assert str(pq.read_table(tmp_path / "out").schema.field("id").type) == "int64"
    assert str(pq.read_table(tmp_path / "out-rejects").schema.field("id").type) == "int64"


def test_dry_run_writes_nothing(embed: Embed, tmp_path: Path) -> None:
    report = embed(dry_run=True)
    assert report["rows_in"] == len(ROWS) + 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layer": "lstm_outputs3"}, "layer 'lstm_outputs3' is not in the model; expected one of elmo, word_emb"),
        ({"model": "nowhere/elmo"}, "model 'nowhere/elmo'"),
        ({"rejects": "hdfs://127.0.0.1:1/rejects"}, "different file systems"),
    ],
)
def test_mistakes_are_found_before_any_work(embed: Embed, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as error:
        embed(**options)
    assert words in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_an_input_without_rows_is_refused(embed: Embed, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("id,text\n")
    with pytest.raises(UserError, match="has no rows, expected at least one document"):
        embed(input=str(tmp_path / "d.csv"))
