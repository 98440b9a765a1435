"""Format numbers: tables of version 0.1.0 are read and added to, and what a later version wrote is refused."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf import __version__, compare, read_embeddings
from elmo_udf.classification.job import classify
from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.errors import LaterFormat
from elmo_udf.formats import SIDECAR, check_format, numbered
from elmo_udf.lake.compact import compact_table
from elmo_udf.lake.options import CompactOptions, ValidateOptions
from elmo_udf.lake.validate import validate_table
from elmo_udf.similarity.job import compare_tables
from elmo_udf.similarity.kernels.correction import Correction
from elmo_udf.similarity.options import SimilarityOptions
from elmo_udf.similarity.queries.job import query
from elmo_udf.similarity.queries.options import QueryOptions
from elmo_udf.spark.metadata import FORMAT, metadata_of
from elmo_udf.training.folder import Work
from elmo_udf.training.options import TrainOptions
from tests.refusals import refused

MODEL = "builtin:untrained"
"""What ``builtin:mini`` was in version 0.1.0."""

LATER = {"format": 2, "elmo_udf_version": "9.9.0"}
REFUSAL = ("has format 2", f"elmo-udf {__version__} reads formats up to 1", "install elmo-udf 9.9.0")


@pytest.fixture
def old(root: Path, tmp_path: Path) -> Path:
    """A copy of the tables of version 0.1.0."""
    return shutil.copytree(root / "tests" / "data" / "0.1.0", tmp_path / "0.1.0")


def embed(spark: SparkSession, documents: Path, output: Path, mode: Any = "error") -> dict[str, Any]:
    return embed_corpus(spark, EmbedOptions(input=str(documents), output=str(output), mode=mode, model=MODEL))


def sidecar(table: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((table / SIDECAR).read_text("utf-8"))
    return said


def test_an_old_table_is_read_compared_and_queried(spark: SparkSession, old: Path, tmp_path: Path) -> None:
    assert "format" not in sidecar(old / "vectors")
    table = read_embeddings(spark, str(old / "vectors"))
    made = metadata_of(table, "embedding")
    assert made and (made.format, made.elmo_udf_version, made.model) == (1, "0.1.0", "builtin:mini")
    assert {row.id for row in table.select("id").collect()} == {"kettle", "moon", "lamp"}

    text = "Twice a day the moon moves the tides of the sea."
    found = query(spark, QueryOptions(embeddings=str(old / "vectors"), text=text, k=1, model=MODEL))["answers"]
    assert [(answer["id"], round(answer["cosine"], 5)) for answer in found] == [("moon", 1)]
    with refused("fingerprint", "name it with --model"):
        query(spark, QueryOptions(embeddings=str(old / "vectors"), text=text))

    embed(spark, old / "documents.csv", tmp_path / "new")
    options = {"embeddings": str(tmp_path / "new"), "against": str(old / "vectors"), "k": 1}
    compare_tables(spark, SimilarityOptions(kind="topk", output=str(tmp_path / "alike"), **options))
    rows = spark.read.parquet(str(tmp_path / "alike")).collect()
    assert {(row.id, row.neighbor_id, round(row.cosine, 5)) for row in rows} == {
        (name, name, 1.0) for name in ("kettle", "moon", "lamp")
    }


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["incremental", "append"])
def test_an_old_table_grows(spark: SparkSession, old: Path, tmp_path: Path, mode: str) -> None:
    documents = (old / "documents.csv").read_text("utf-8") if mode == "incremental" else "id,text\n"
    (tmp_path / "more.csv").write_text(f"{documents}tides,The sea has tides.\n", "utf-8")
    report = embed(spark, tmp_path / "more.csv", old / "vectors", mode)
    assert (report["rows_embedded"], report.get("rows_unchanged", 0)) == (1, 3 if mode == "incremental" else 0)
    assert read_embeddings(spark, str(old / "vectors")).count() == 4

    assert validate_table(spark, ValidateOptions(embeddings=str(old / "vectors")))["n_failed"] == 0
    compact_table(spark, CompactOptions(embeddings=str(old / "vectors")))
    assert read_embeddings(spark, str(old / "vectors")).count() == 4
    assert validate_table(spark, ValidateOptions(embeddings=str(old / "vectors")))["n_failed"] == 0


@pytest.mark.slow
def test_an_old_result_is_continued_with_its_correction(spark: SparkSession, old: Path, tmp_path: Path) -> None:
    given = {"kind": "topk", "k": 2, "embeddings": str(old / "vectors"), "center": True}
    options = SimilarityOptions(**given, update=str(old / "neighbors"), output=str(tmp_path / "again"))  # type: ignore[arg-type]
    assert compare_tables(spark, options)["rows_out"] == 6
    was, now = (sorted(spark.read.parquet(str(path)).collect()) for path in (old / "neighbors", tmp_path / "again"))
    assert was == now
    correction = Correction.from_bytes((old / "neighbors" / "_correction.npz").read_bytes(), "old")
    assert (correction.name, correction.n) == ("center", 3)


@pytest.mark.slow
def test_what_is_written_carries_the_numbers(spark: SparkSession, old: Path, tmp_path: Path) -> None:
    embed(spark, old / "documents.csv", tmp_path / "new")
    options = SimilarityOptions(
        kind="pairs", threshold=-1, center=True, embeddings=str(tmp_path / "new"), output=str(tmp_path / "pairs")
    )
    compare_tables(spark, options)
    ours = {"format": 1, "elmo_udf_version": __version__}
    for name in ("new", "new-rejects", "pairs"):
        assert ours.items() <= sidecar(tmp_path / name).items(), name
    column = spark.read.parquet(str(tmp_path / "new")).schema["embedding"]
    assert ours.items() <= column.metadata.items()
    with np.load(tmp_path / "pairs" / "_correction.npz") as file:
        assert {name: file[name].item() for name in ours} == ours


@pytest.fixture(scope="module")
def later(spark: SparkSession, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables as a later version may write them: ``sidecar`` says so beside the data, ``column`` in the data."""
    folder = tmp_path_factory.mktemp("later")
    shutil.copytree(root / "tests" / "data" / "0.1.0", folder, dirs_exist_ok=True)
    as_later(spark.read.parquet(str(folder / "vectors"))).write.parquet(str(folder / "column"))
    shutil.move(folder / "vectors", folder / "sidecar")
    for name in ("sidecar", "neighbors"):
        (folder / name / SIDECAR).write_text(json.dumps(sidecar(folder / name) | LATER), "utf-8")
    return folder


def as_later(table: DataFrame) -> DataFrame:
    metadata = table.schema["embedding"].metadata | LATER
    return table.withColumn("embedding", F.col("embedding").alias("embedding", metadata=metadata))


READERS: dict[str, Callable[[SparkSession, str, Path], Any]] = {
    "read_embeddings": lambda spark, table, _: read_embeddings(spark, table),
    "query": lambda spark, table, _: query(spark, QueryOptions(embeddings=table, text="a", model=MODEL)),
    "similarity": lambda spark, table, folder: compare_tables(
        spark, SimilarityOptions(kind="topk", embeddings=table, output=str(folder / "out"))
    ),
    "against": lambda spark, table, folder: compare_tables(
        spark,
        SimilarityOptions(
            kind="topk", embeddings=str(folder / "0.1.0" / "vectors"), against=table, output=str(folder / "out")
        ),
    ),
    "validate": lambda spark, table, _: validate_table(spark, ValidateOptions(embeddings=table)),
    "compact": lambda spark, table, _: compact_table(spark, CompactOptions(embeddings=table)),
    "classify": lambda spark, table, folder: classify(
        spark, ClassifyOptions(train=table, label_column="id", output=str(folder / "out"))
    ),
    "incremental": lambda spark, table, folder: embed(
        spark, folder / "0.1.0" / "documents.csv", Path(table), "incremental"
    ),
    "append": lambda spark, table, folder: embed(spark, folder / "0.1.0" / "documents.csv", Path(table), "append"),
}


@pytest.mark.parametrize("where", ["sidecar", pytest.param("column", marks=pytest.mark.slow)])
@pytest.mark.parametrize("reader", READERS)
def test_a_later_table_is_refused(
    spark: SparkSession, old: Path, later: Path, tmp_path: Path, reader: str, where: str
) -> None:
    path = str(later / where)
    with refused(repr(path), *REFUSAL):
        READERS[reader](spark, path, tmp_path)


def test_a_later_table_is_refused_by_a_glob_and_as_a_data_frame(
    spark: SparkSession, later: Path, tmp_path: Path
) -> None:
    with refused("column 'embedding'", *REFUSAL):
        read_embeddings(spark, f"{later}/colum*/*.parquet")
    with refused("column 'embedding' of table 'left'", *REFUSAL):
        compare(spark.read.parquet(str(later / "column")), staging=str(tmp_path))


def test_a_later_result_is_not_continued_and_its_correction_not_used(
    spark: SparkSession, old: Path, later: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"embeddings": str(old / "vectors")}
    wanted = {"kind": "topk", "k": 2, "center": True, "output": str(tmp_path / "out")}
    with refused(f"table {str(later / 'neighbors')!r}", *REFUSAL):
        compare_tables(spark, SimilarityOptions(**given | wanted, update=str(later / "neighbors")))
    with refused(f"table {str(later / 'neighbors')!r}", *REFUSAL):
        query(spark, QueryOptions(**given, text="a", model=MODEL, correction=str(later / "neighbors")))


@pytest.mark.slow
def test_a_later_table_can_be_replaced(spark: SparkSession, old: Path, later: Path, tmp_path: Path) -> None:
    shutil.copytree(later / "sidecar", tmp_path / "table")
    embed(spark, old / "documents.csv", tmp_path / "table", "overwrite")
    assert read_embeddings(spark, str(tmp_path / "table")).count() == 3


def test_a_later_correction_is_refused(old: Path) -> None:
    with np.load(old / "neighbors" / "_correction.npz") as file:
        arrays = {name: file[name] for name in file.files}
    content = io.BytesIO()
    np.savez(content, **arrays | LATER)
    with refused("correction file 'theirs'", *REFUSAL):
        Correction.from_bytes(content.getvalue(), "theirs")


def test_a_later_training_is_not_taken_up(tmp_path: Path) -> None:
    options = TrainOptions(input="texts", output="model")
    work = Work(tmp_path / "work")
    work.claim(options)
    said = json.loads(work.options.read_text("utf-8"))
    assert numbered(1).items() <= said.items()
    work.options.write_text(json.dumps({name: said[name] for name in said if name not in LATER}), "utf-8")
    work.claim(options)  # begun by version 0.1.0
    work.options.write_text(json.dumps(said | LATER), "utf-8")
    with refused(f"work folder {str(work.root)!r}", *REFUSAL):
        work.claim(options)


@pytest.mark.parametrize("number", ["2", None, True, 1.0, 0, -1])
def test_what_is_no_number_is_refused(number: Any) -> None:
    with refused("table 't'", repr(number), "expected a whole number from 1 to 3", "make it again"):
        check_format({"format": number}, 3, "table 't'")


def test_a_later_format_without_a_version_is_refused_too() -> None:
    check_format({}, 3, "table 't'")
    check_format({"format": 3}, 3, "table 't'")
    with pytest.raises(LaterFormat, match=r"format 4, .* install the version of elmo-udf that wrote it or a later"):
        check_format({"format": 4}, 3, "table 't'")


def test_the_page_shows_this_version_and_what_a_refusal_says(root: Path) -> None:
    page = (root / "docs" / "tables.md").read_text("utf-8")
    assert f"| {__version__} | {FORMAT} |" in page
    with pytest.raises(LaterFormat) as caught:
        check_format({"format": 2, "elmo_udf_version": "0.5.0"}, FORMAT, "table 'vectors'")
    assert f"error: {caught.value}\n" in page
