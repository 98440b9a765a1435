"""jobs/embed.py --mode incremental: what is new is embedded, what is there stays, and readers see one row an id."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.embedding.run import Run
from elmo_udf.errors import UserError
from elmo_udf.spark.tables import read_embeddings
from elmo_udf.text.tokenizer import Tokenizer
from tests import numpy_elmo
from tests.make_models import random_model
from tests.model_files import write_folder

MODEL = random_model(11)
Embed = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_folder(MODEL, tmp_path_factory.mktemp("model") / "elmo"))


@pytest.fixture
def embed(spark: SparkSession, model: str, tmp_path: Path) -> Embed:
    def run(texts: dict[Any, str | None] | list[dict[str, Any]], **options: Any) -> dict[str, Any]:
        rows = [{"id": i, "text": t} for i, t in texts.items()] if isinstance(texts, dict) else texts
        (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        values = {"input": str(tmp_path / "in.jsonl"), "output": str(tmp_path / "out"), "model": model}
        return embed_corpus(spark, EmbedOptions(**values | {"mode": "incremental", "partitions": 2} | options))

    return run


def vector(text: str) -> np.ndarray:
    return np.concatenate([numpy_elmo.layers(MODEL, s)["elmo"] for s in Tokenizer()(text).sentences]).mean(axis=0)


def raw(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder).to_pylist()
    return found


def check(spark: SparkSession, folder: Path, texts: dict[str, str]) -> None:
    """What read_embeddings sees is a row for each of the texts, with its vector."""
    rows = read_embeddings(spark, str(folder)).collect()
    assert sorted(row.id for row in rows) == sorted(texts)
    for row in rows:
        np.testing.assert_allclose(row.embedding, vector(texts[row.id]), atol=1e-5)


TEXTS = {"a": "One text.", "b": "Another text. Of two sentences.", "c": "A third."}


@pytest.mark.slow
def test_only_what_is_new_or_changed_is_embedded(embed: Embed, spark: SparkSession, tmp_path: Path) -> None:
    first = embed(TEXTS | {"n": None})
    assert (first["rows_embedded"], first["rows_unchanged"], first["rows_rejected"]) == (3, 0, 1)
    again = embed(TEXTS | {"n": None})
    assert (again["rows_embedded"], again["rows_unchanged"], again["rows_rejected"]) == (0, 3, 1)
    assert (again["n_tokens"], again["model_loads"]) == (0, 0)
    assert len(raw(tmp_path / "out")) == 3
    changed = TEXTS | {"b": "It has changed.", "d": "A new one."}
    third = embed(changed | {"n": None})
    assert (third["rows_embedded"], third["rows_unchanged"], third["rows_in"]) == (2, 2, 5)
    rows = {row["id"]: row for row in raw(tmp_path / "out") if row["id"] == "a"}
    old, new = sorted((row for row in raw(tmp_path / "out") if row["id"] == "b"), key=lambda row: row["embedded_at"])
    assert old["embedded_at"] < new["embedded_at"] and old["content_hash"] != new["content_hash"]
    np.testing.assert_allclose(new["embedding"], vector(changed["b"]), atol=1e-5)
    assert rows["a"]["embedded_at"] < new["embedded_at"]
    check(spark, tmp_path / "out", changed)
    assert [(row["id"], row["reason"]) for row in raw(tmp_path / "out-rejects")] == [("n", "null_text")]
    assert not list(tmp_path.glob("_*")), "the staging folder is left behind"


@pytest.mark.slow
def test_a_text_that_is_as_it_was_before_the_last_change_is_new(
    embed: Embed, spark: SparkSession, tmp_path: Path
) -> None:
    for text in ("One text.", "Another text.", "One text."):
        assert embed({"a": text})["rows_embedded"] == 1
    check(spark, tmp_path / "out", {"a": "One text."})


@pytest.mark.slow
def test_the_newest_row_is_the_last_written_whatever_the_clocks_say(
    embed: Embed, spark: SparkSession, tmp_path: Path
) -> None:
    embed({"a": "One text."})
    there = spark.read.parquet(str(tmp_path / "out"))
    ahead = there.withColumn("embedded_at", F.expr("embedded_at + INTERVAL '1' HOUR"))
    ahead.withMetadata("embedding", there.schema["embedding"].metadata).write.parquet(str(tmp_path / "ahead"))
    (tmp_path / "ahead" / "_elmo.json").write_text((tmp_path / "out" / "_elmo.json").read_text())
    (tmp_path / "ahead-rejects").mkdir()
    embed({"a": "Another text."}, output=str(tmp_path / "ahead"))
    check(spark, tmp_path / "ahead", {"a": "Another text."})


@pytest.mark.slow
def test_queries_for_other_readers(embed: Embed, spark: SparkSession, tmp_path: Path) -> None:
    embed(TEXTS)
    embed(TEXTS | {"b": "It has changed."})
    condition = "row_number() OVER (PARTITION BY id ORDER BY embedded_at DESC) = 1"
    query = f"SELECT id, content_hash FROM {{}} QUALIFY {condition}"
    by_duckdb = duckdb.sql(query.format(f"'{tmp_path}/out/*.parquet'")).fetchall()
    spark.read.parquet(str(tmp_path / "out")).createOrReplaceTempView("increments")
    ours = [tuple(row) for row in read_embeddings(spark, str(tmp_path / "out")).select("id", "content_hash").collect()]
    assert sorted(by_duckdb) == sorted(ours)
    if spark.version >= "4.3":  # before, its SQL has no such clause
        assert sorted(map(tuple, spark.sql(query.format("increments")).collect())) == sorted(ours)
    assert len(raw(tmp_path / "out")) == 4


@pytest.mark.slow
def test_levels_with_several_rows_a_document(embed: Embed, spark: SparkSession, tmp_path: Path) -> None:
    embed(TEXTS, level="token")
    changed = TEXTS | {"b": "Short.", "a": "A longer text than before. In two sentences."}
    embed(changed, level="token")
    rows = read_embeddings(spark, str(tmp_path / "out")).orderBy("id", "sentence_index", "token_index").collect()
    for identifier, text in changed.items():
        tokens = [token for sentence in Tokenizer()(text).sentences for token in sentence]
        assert [row.token for row in rows if row.id == identifier] == tokens
    (part, *_) = (tmp_path / "out").glob("*.parquet")
    (tmp_path / "out" / f"copied-{part.name}").write_bytes(part.read_bytes())  # as while files are replaced
    assert sorted(map(repr, read_embeddings(spark, str(tmp_path / "out")).collect())) == sorted(map(repr, rows))


@pytest.mark.slow
def test_equal_texts_are_embedded_once(embed: Embed, spark: SparkSession, tmp_path: Path) -> None:
    texts = {f"{i:02}": ("The same text.", "One more.", f"Text {i}.")[i % 3] for i in range(30)}
    report = embed(texts)
    assert (report["rows_embedded"], report["n_repeated_texts"]) == (30, 18)
    assert report["n_tokens"] == sum(Tokenizer()(text).n_tokens for text in texts.values())
    assert 0 < report["repeated_tokens"] < 1
    check(spark, tmp_path / "out", texts)


def test_a_run_that_ends_early_keeps_what_it_did_and_is_finished_by_the_next(
    embed: Embed, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: dict[str, str | None] = {f"{i:02}": f"Text number {i}." for i in range(20)}
    missing = {"null": None, "blank": " \u00a0"}
    committed, real = [], Run.commit

    def fail(run: Run, counts: Any) -> None:
        if len(committed) == 1:
            raise OSError("quota")
        real(run, counts)
        committed.append(counts.n_embedded)

    monkeypatch.setattr(Run, "commit", fail)
    with pytest.raises(OSError, match="quota"):
        embed(texts | missing, commit_every="10")
    monkeypatch.undo()
    assert len(raw(tmp_path / "out")) == sum(committed) < 20
    report = embed(texts | missing, commit_every="10")
    assert (report["rows_unchanged"], report["rows_embedded"]) == (sum(committed), 20 - sum(committed))
    assert report["n_commits"] == -(-(20 - sum(committed)) // 10)
    assert sorted(row["id"] for row in raw(tmp_path / "out")) == sorted(texts), "twice, or lost"
    check(spark, tmp_path / "out", {k: v for k, v in texts.items() if v})
    assert sorted(row["id"] for row in raw(tmp_path / "out-rejects")) == ["blank", "null"]


@pytest.mark.slow
def test_commits_by_time_and_of_rejects_that_the_network_finds(
    embed: Embed, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elmo_udf.embedding.increments.estimated_seconds", lambda *_: 4.0)
    texts = {f"{i}": f"Text {i}." for i in range(12)} | {"zero": "\0\0", "again": "\0"}
    report = embed(texts, commit_every="1s")
    assert report["n_commits"] > 1
    assert (report["rows_embedded"], report["rejected_by_reason"]) == (12, {"blank_text": 2})
    again = embed(texts, commit_every="1s")
    assert (again["rows_unchanged"], again["rejected_by_reason"]) == (12, {"blank_text": 2})
    assert sorted(row["id"] for row in raw(tmp_path / "out-rejects")) == ["again", "zero"], "a rerun repeats rejects"


@pytest.mark.slow
def test_rejects_of_one_id_are_kept_apart_and_not_repeated(embed: Embed, tmp_path: Path) -> None:
    rows = [{"id": None, "text": "x"}, {"id": None, "text": "y"}, {"id": "a", "text": "z"}, {"id": "a", "text": "z"}]
    for _ in range(2):
        report = embed(rows, commit_every="1")
        assert report["rejected_by_reason"] == {"duplicate_id": 1, "null_id": 2}
        assert sorted(row["reason"] for row in raw(tmp_path / "out-rejects")) == ["duplicate_id", "null_id", "null_id"]


@pytest.mark.slow
def test_a_table_made_another_way_is_refused_before_any_work(embed: Embed, tmp_path: Path) -> None:
    embed(TEXTS)
    before = sorted(path.name for path in (tmp_path / "out").iterdir())
    with pytest.raises(UserError) as error:
        embed(TEXTS, layer="word_emb", pooling="max")
    assert "made with layer 'elmo', but this run has 'word_emb'; with pooling 'mean', but this run has 'max'" in str(
        error.value
    )
    with pytest.raises(UserError, match="has no columns as its partition columns, but this run has lang"):
        embed([{"id": "x", "text": "A text.", "lang": "en"}], partition_by=("lang",))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == before


@pytest.mark.slow
def test_dry_run_says_what_is_new(embed: Embed, tmp_path: Path) -> None:
    embed(TEXTS)
    report = embed(TEXTS | {"b": "It has changed.", "n": None}, dry_run=True)
    assert (report["rows_to_embed"], report["rows_unchanged"]) == (1, 2)
    assert report["rejected_by_reason"] == {"null_text": 1}
    assert len(raw(tmp_path / "out")) == 3


@pytest.mark.parametrize("value", ["0", "ten", "5 days", "-3", "1.5h"])
def test_commit_every_is_a_number_or_a_time(value: str) -> None:
    with pytest.raises(UserError, match="expected a number of documents such as 100000, or a time such as 30min"):
        EmbedOptions(input="x", output="y", mode="incremental", commit_every=value)


def test_commit_every_needs_incremental() -> None:
    with pytest.raises(UserError, match="expected mode incremental"):
        EmbedOptions(input="x", output="y", commit_every="10")
    assert EmbedOptions(input="x", output="y", mode="incremental", commit_every="2h").commit_interval() == (None, 7200)
