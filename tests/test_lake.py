"""Tables in a data platform: folders by date, compacting, validating, encodings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from elmo_udf.cli import run_job
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.errors import UserError
from elmo_udf.lake.compact import compact_table
from elmo_udf.lake.options import CompactOptions, ValidateOptions
from elmo_udf.lake.validate import validate_table
from elmo_udf.spark import files
from elmo_udf.spark.metadata import metadata_of
from elmo_udf.spark.outputs.writer import check_encoding
from elmo_udf.spark.tables import read_embeddings, read_table
from tests.make_models import random_model
from tests.model_files import write_folder
from tests.refusals import refused

MODEL = random_model(11)
Embed = Callable[..., dict[str, Any]]
DAYS = [
    {"id": "a", "text": "One text.", "day": "2026-01-01", "n": "007"},
    {"id": "b", "text": "Another text.", "day": "2026-01-01", "n": "007"},
    {"id": "c", "text": "A third.", "day": "2026-01-02", "n": "007"},
    {"id": "x", "text": None, "day": "2026-01-02", "n": "007"},
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_folder(MODEL, tmp_path_factory.mktemp("model") / "elmo"))


@pytest.fixture
def embed(spark: SparkSession, model: str, tmp_path: Path) -> Embed:
    def run(rows: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
        (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        values = {"input": str(tmp_path / "in.jsonl"), "output": str(tmp_path / "out"), "model": model}
        return embed_corpus(spark, EmbedOptions(**values | {"partitions": 2} | options))

    return run


def texts(**of_ids: str | None) -> list[dict[str, Any]]:
    return [{"id": i, "text": text} for i, text in of_ids.items()]


def newest(spark: SparkSession, folder: Path) -> list[str]:
    return sorted(repr(row) for row in read_embeddings(spark, str(folder)).collect())


def validated(spark: SparkSession, folder: Path, **options: Any) -> dict[str, str]:
    """What a table falls short of: the check, and what was found."""
    report = validate_table(spark, ValidateOptions(embeddings=str(folder), **options))
    failed = {check["check"]: check["found"] for check in report["checks"] if not check["passed"]}
    assert report["status"] == ("failed" if failed else "ok") and report["n_failed"] == len(failed)
    return failed


@pytest.mark.slow
def test_a_day_can_be_run_again_alone(embed: Embed, spark: SparkSession, tmp_path: Path) -> None:
    embed(DAYS, partition_by=("day", "n"))
    assert sorted(p.name for p in (tmp_path / "out").glob("day=*")) == ["day=2026-01-01", "day=2026-01-02"]
    table = read_embeddings(spark, str(tmp_path / "out"))
    assert [(f.name, f.dataType.simpleString()) for f in table.schema][-2:] == [("day", "string"), ("n", "string")]
    assert sorted((r.id, r.day, r.n) for r in table.collect()) == [(d["id"], d["day"], d["n"]) for d in DAYS[:3]]
    first = {p.name for p in (tmp_path / "out").glob("day=2026-01-01/*/*.parquet")}
    again = [{"id": "c", "text": None, "day": "2026-01-02", "n": "007"}, DAYS[3] | {"text": "Now it has one."}]
    embed(again, partition_by=("day", "n"), mode="overwrite")
    table = read_embeddings(spark, str(tmp_path / "out"))
    assert sorted((row.id, row.day) for row in table.collect()) == [
        ("a", "2026-01-01"), ("b", "2026-01-01"), ("x", "2026-01-02"),
    ]  # fmt: skip
    assert {p.name for p in (tmp_path / "out").glob("day=2026-01-01/*/*.parquet")} == first
    assert [(row.id, row.reason) for row in read_table(spark, str(tmp_path / "out-rejects")).collect()] == [
        ("c", "null_text")
    ]
    by_duckdb = duckdb.sql(f"SELECT id FROM read_parquet('{tmp_path}/out/**/*.parquet') ORDER BY id").fetchall()
    assert by_duckdb == [("a",), ("b",), ("x",)]


@pytest.mark.slow
def test_a_day_of_which_nothing_is_left_goes_away(embed: Embed, spark: SparkSession, tmp_path: Path) -> None:
    embed(DAYS, partition_by=("day",))
    embed([DAYS[2] | {"text": " "}], partition_by=("day",), mode="overwrite")
    assert sorted(p.name for p in (tmp_path / "out").glob("day=*")) == ["day=2026-01-01"]
    assert validated(spark, tmp_path / "out") == {}
    with pytest.raises(
        UserError, match="has day as its partition columns, but this run has n; expected equal --partition-by"
    ):
        embed(DAYS, partition_by=("n",), mode="overwrite")
    with pytest.raises(UserError, match="was made with layer 'elmo', but this run has 'word_emb'"):
        embed(DAYS, partition_by=("day",), mode="overwrite", layer="word_emb")


@pytest.mark.slow
def test_increments_go_into_their_folders(embed: Embed, spark: SparkSession, tmp_path: Path) -> None:
    embed(DAYS[:3], partition_by=("day",), mode="incremental")
    moved = [DAYS[0] | {"text": "Changed.", "day": "2026-01-03"}, *DAYS[1:]]
    report = embed(moved, partition_by=("day",), mode="incremental")
    assert (report["rows_embedded"], report["rows_unchanged"], report["rows_rejected"]) == (1, 2, 1)
    rows = read_embeddings(spark, str(tmp_path / "out")).select("id", "day").collect()
    assert sorted(map(tuple, rows)) == [("a", "2026-01-03"), ("b", "2026-01-01"), ("c", "2026-01-02")]
    compact_table(spark, CompactOptions(embeddings=str(tmp_path / "out")))
    rows = read_embeddings(spark, str(tmp_path / "out")).select("id", "day").collect()
    assert sorted(map(tuple, rows)) == [("a", "2026-01-03"), ("b", "2026-01-01"), ("c", "2026-01-02")]
    assert len(files.list_files(spark, str(tmp_path / "out"))) == 3


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "ok"), [("date", True), ("int", True), ("double", False), ("timestamp", False)])
def test_types_of_folders(embed: Embed, spark: SparkSession, tmp_path: Path, kind: str, ok: bool) -> None:
    value = {"date": "'2026-01-31'", "timestamp": "'2026-01-31'"}.get(kind, "7")
    spark.sql(f"SELECT 1 AS id, 'A text.' AS text, CAST({value} AS {kind}) AS p").write.parquet(str(tmp_path / "in"))
    if not ok:
        with pytest.raises(UserError, match=f"column 'p' of --partition-by is {kind}, expected string, a whole number"):
            embed([], input=str(tmp_path / "in"), partition_by=("p",))
        return
    embed([], input=str(tmp_path / "in"), partition_by=("p",))
    assert read_embeddings(spark, str(tmp_path / "out")).schema["p"].dataType.simpleString() == kind


def grow(embed: Embed) -> None:
    """Three increments: five documents in seven rows, of which two are superseded."""
    for i in range(3):
        embed(texts(a="One text.", b=f"Text {i}.", **{f"n{i}": "A new one."}), mode="incremental")


@pytest.mark.slow
def test_compacting(embed: Embed, spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "out")
    grow(embed)
    before = newest(spark, tmp_path / "out")
    made = (tmp_path / "out" / "_elmo.json").read_text()
    dry = compact_table(spark, CompactOptions(embeddings=path, dry_run=True))
    report = compact_table(spark, CompactOptions(embeddings=path))
    assert report["n_rows_superseded"] == dry["n_rows_superseded"] == 2
    assert (report["n_rows_before"], report["n_rows_kept"], report["n_files_after"]) == (7, 5, 1)
    assert newest(spark, tmp_path / "out") == before
    assert len(spark.read.parquet(path).collect()) == 5
    assert (tmp_path / "out" / "_elmo.json").read_text() == made
    assert metadata_of(read_embeddings(spark, path), "embedding") is not None
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("_")) == []


@pytest.mark.slow
def test_compacting_to_what_a_source_has(embed: Embed, spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "out")
    grow(embed)
    compact_table(spark, CompactOptions(embeddings=path))
    assert embed(texts(a="One text.", b="Text 2."), mode="incremental")["rows_unchanged"] == 2
    source = tmp_path / "source.csv"
    source.write_text("id,text\na,One text.\nn0,A new one.\nother,Not embedded.\n")
    report = compact_table(spark, CompactOptions(embeddings=path, source=str(source)))
    assert (report["n_rows_not_in_source"], report["n_rows_kept"]) == (3, 2)
    assert sorted(row.id for row in spark.read.parquet(path).collect()) == ["a", "n0"]
    source.write_text("id,text\nnothing,Of the kind.\n")
    with pytest.raises(UserError, match="has none of the ids of table"):
        compact_table(spark, CompactOptions(embeddings=path, source=str(source)))
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("_")) == []


@pytest.mark.slow
def test_sizes_of_files_are_bounded(embed: Embed, spark: SparkSession, tmp_path: Path) -> None:
    embed(texts(**{f"{i:03}": f"Text {i}." for i in range(300)}))
    n_bytes = sum(p.stat().st_size for p in (tmp_path / "out").glob("*.parquet"))
    limit = n_bytes / 4 / 2**20
    report = compact_table(spark, CompactOptions(embeddings=str(tmp_path / "out"), file_mib=limit))
    sizes = [pq.ParquetFile(p).metadata.num_rows for p in (tmp_path / "out").glob("*.parquet")]
    assert report["n_files_after"] == len(sizes) > 4 and sum(sizes) == 300
    assert max(sizes) <= 75


@pytest.mark.slow
def test_a_good_table_passes(embed: Embed, spark: SparkSession, tmp_path: Path) -> None:
    for level in ("document", "sentence", "token"):
        out = tmp_path / level
        embed(texts(a="One text. Of two sentences.", b="A text.", n=None), output=str(out), level=level, normalize=True)
        assert validated(spark, out, source=str(tmp_path / "in.jsonl")) == {}
    embed(texts(a="Changed.", c="A third."), output=str(tmp_path / "document"), normalize=True, mode="incremental")
    report = validate_table(spark, ValidateOptions(embeddings=str(tmp_path / "document")))
    assert (report["status"], report["n_rows"], report["n_documents"], report["n_rows_superseded"]) == ("ok", 4, 3, 1)


@pytest.mark.slow
def test_what_a_table_falls_short_of(embed: Embed, spark: SparkSession, tmp_path: Path) -> None:
    embed(texts(a="One text.", b="A text.", c="A third."), normalize=True)
    good = spark.read.parquet(str(tmp_path / "out"))
    metadata = good.schema["embedding"].metadata

    def spoiled(name: str, **columns: str) -> Path:
        table = good
        for column, expression in columns.items():
            table = table.withColumn(column, F.expr(f"IF(id = 'a', {expression}, {column})"))
        table.withMetadata("embedding", metadata).write.parquet(str(tmp_path / name))
        (tmp_path / name / "_elmo.json").write_text((tmp_path / "out" / "_elmo.json").read_text())
        return tmp_path / name

    def vector(value: str) -> str:
        return f"transform(embedding, (x, i) -> IF(i = 0, CAST({value} AS FLOAT), x))"

    assert validated(spark, spoiled("nan", embedding=vector("'NaN'"))) == {"not_finite": "1 vectors"}
    assert validated(spark, spoiled("null", embedding=vector("NULL"))) == {"null_values": "1 values"}
    assert validated(spark, spoiled("no", embedding="NULL")) == {"null_vectors": "1 vectors"}
    assert validated(spark, spoiled("long", embedding=vector("3"))) == {"not_unit_length": "1 vectors"}
    zero = "transform(embedding, x -> CAST(0 AS FLOAT))"
    assert validated(spark, spoiled("zero", embedding=zero)).keys() == {"zero_length", "not_unit_length"}
    assert validated(spark, spoiled("width", embedding="slice(embedding, 1, 3)")) == {"other_widths": "1 vectors"}
    assert validated(spark, spoiled("model", model="'other'")).keys() == {"fingerprint"}
    assert validated(spark, spoiled("hash", content_hash="'x'")).keys() == {"content_hash"}
    assert validated(spark, spoiled("counts", n_tokens="0")).keys() == {"counts"}
    assert validated(spark, spoiled("nulls", n_tokens="NULL")).keys() == {"nulls"}
    good.union(good).withMetadata("embedding", metadata).coalesce(1).write.parquet(str(tmp_path / "twice"))
    assert validated(spark, tmp_path / "twice").keys() == {"metadata", "duplicates"}
    good.drop("n_tokens").write.parquet(str(tmp_path / "schema"))
    assert validated(spark, tmp_path / "schema")["schema"] == "n_tokens missing"
    broken, *_ = spoiled("broken").glob("*.parquet")
    broken.write_bytes(broken.read_bytes()[:-100])
    assert validated(spark, tmp_path / "broken").keys() == {"readable"}
    with pytest.raises(UserError, match="does not exist"):
        validated(spark, tmp_path / "nowhere")


@pytest.mark.slow
def test_a_table_beside_its_source(embed: Embed, spark: SparkSession, tmp_path: Path) -> None:
    embed(texts(a="One text.", b="A text.", c="A third.", n=None))
    now = tmp_path / "now.jsonl"
    rows = texts(a="One text.", b="Changed.", d="A new one.", n=None, blank=" ")
    now.write_text("".join(json.dumps(row) + "\n" for row in rows))
    failed = validated(spark, tmp_path / "out", source=str(now))
    assert failed.keys() == {"source_rows", "missing", "changed", "not_in_source", "rejects"}
    assert failed["missing"].startswith("1 ") and failed["rejects"].startswith("1 ")


@pytest.mark.slow
def test_validate_as_a_job(
    embed: Embed, spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    embed(texts(a="One text."))
    arguments = ["--embeddings", str(tmp_path / "out"), "--report", str(tmp_path / "r.json")]
    assert run_job(validate_table, ValidateOptions, "", arguments) == 0
    (tmp_path / "out" / "_elmo.json").unlink()
    assert run_job(validate_table, ValidateOptions, "", arguments) == 1
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["status"], report["n_failed"], report["checks"][1]["found"]) == ("failed", 1, "no _elmo.json")
    assert report["versions"].keys() >= {"python", "pyspark", "tensorflow"} and report["run_id"]
    assert "no _elmo.json" in capsys.readouterr().out


@pytest.mark.parametrize("version", ["4.1.0", "4.2.1.dev0"])
def test_an_encoding_that_spark_cannot_read_is_refused(version: str) -> None:
    with refused("--encoding byte_stream_split", "4.3 or newer", version, "use plain"):
        check_encoding("byte_stream_split", version)
    check_encoding("plain", version)
    for newer in ("4.3.0", "4.10.0", "5.0"):
        check_encoding("byte_stream_split", newer)


@pytest.mark.parametrize("encoding", [pytest.param("plain", marks=pytest.mark.slow), "byte_stream_split"])
def test_encodings_and_their_readers(embed: Embed, spark: SparkSession, tmp_path: Path, encoding: str) -> None:
    many = texts(**{f"{i:02}": f"Text {i}." for i in range(20)})
    if encoding == "byte_stream_split" and spark.version < "4.3":
        with refused("--encoding byte_stream_split"):
            embed(many, encoding=encoding)
        return
    embed(many, encoding=encoding, partitions=1)
    (path,) = (tmp_path / "out").glob("*.parquet")
    columns = pq.ParquetFile(path).metadata.row_group(0).to_dict()["columns"]
    (found,) = [column for column in columns if column["path_in_schema"].startswith("embedding.")]
    assert found["compression"] == "ZSTD" and "RLE_DICTIONARY" not in found["encodings"]
    assert ("BYTE_STREAM_SPLIT" in found["encodings"]) == (encoding == "byte_stream_split")
    by_spark = {row.id: list(row.embedding) for row in read_embeddings(spark, str(tmp_path / "out")).collect()}
    readers = [
        pq.read_table(tmp_path / "out").to_pylist(),
        pd.read_parquet(tmp_path / "out").to_dict("records"),
        polars.read_parquet(f"{tmp_path}/out/*.parquet").to_dicts(),
        duckdb.sql(f"SELECT id, embedding FROM '{tmp_path}/out/*.parquet'").df().to_dict("records"),
    ]
    for rows in readers:
        assert {row["id"]: list(map(float, row["embedding"])) for row in rows} == by_spark
    footer = json.loads(pq.ParquetFile(path).schema_arrow.metadata[b"org.apache.spark.sql.parquet.row.metadata"])
    (embedding,) = [field for field in footer["fields"] if field["name"] == "embedding"]
    assert embedding["metadata"]["fingerprint"] == MODEL.fingerprint()
    assert np.isfinite(list(by_spark.values())).all()
