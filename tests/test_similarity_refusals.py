"""What can't be compared, and the one line that says so; what may differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.similarity.blocks.files import Folder
from elmo_udf.similarity.blocks.shared import check_folder
from elmo_udf.similarity.compare import compare
from elmo_udf.similarity.kernels.correction import Correction
from tests.refusals import refused
from tests.test_similarity_join import INT, STRING, collected, table


def test_unfit_rows_are_counted_and_named(spark: SparkSession, tmp_path: Path) -> None:
    nan = float("nan")
    vectors = [[1, 2], [0, 0], [0, 0], [nan, 1], None, [], [1, 1], [None, 1]]
    documents = table(spark, ["a", "b", "c", "d", "e", "f", None, "h"], vectors, STRING)
    with refused(
        "table 'mine' has 1 row without an id, 1 row without a vector (such as id 'e'), "
        "1 row with an empty vector (such as id 'f'), "
        "2 rows with NULL, NaN or infinity in the vector (such as id 'd'), "
        "2 rows with a zero vector, which has no direction (such as id 'b'); expected",
        "leave out these rows",
    ):
        compare(documents, staging=str(tmp_path), names=("mine", ""))


def test_an_id_that_is_not_a_number_is_none(spark: SparkSession, tmp_path: Path) -> None:
    documents = table(spark, [1.0, float("nan"), 2.0], [[1, 2], [2, 1], [1, 1]], "double")
    with refused("table 'left' has 1 row without an id (such as id nan)", "leave out these rows"):
        compare(documents, staging=str(tmp_path))


def test_columns_may_have_any_name_or_be_fields_of_structs(spark: SparkSession, tmp_path: Path) -> None:
    rows = table(spark, [1, 2], [[1, 2], [2, 1]], INT)
    rows.select(F.col("id").alias("i`d"), F.struct(F.col("embedding").alias("v.0")).alias("doc")).write.parquet(
        str(tmp_path / "table")
    )
    documents = spark.read.parquet(str(tmp_path / "table"))
    found = compare(documents, staging=str(tmp_path / "staging"), id_column="i`d", embedding_column="doc.v.0")
    assert [(row.id, row.neighbor_id, row.cosine) for row in found.top_k(1).collect()] == [(1, 2, 0.8), (2, 1, 0.8)]
    with refused("has no column 'doc.w'", "--embedding-column"):
        compare(documents, staging=str(tmp_path / "staging"), id_column="i`d", embedding_column="doc.w")


def test_a_damaged_page_is_one_line_that_names_the_file(spark: SparkSession, tmp_path: Path) -> None:
    vectors = pa.array([[float(i), 1.0] for i in range(500)], pa.list_(pa.float32()))
    pq.write_table(pa.table({"id": range(500), "embedding": vectors}), tmp_path / "t.parquet", use_dictionary=False)
    content = bytearray((tmp_path / "t.parquet").read_bytes())
    content[100:2000] = bytes(1900)
    (tmp_path / "t.parquet").write_bytes(content)
    with refused("t.parquet", "can't be read"):
        compare(spark.read.parquet(str(tmp_path / "t.parquet")), staging=str(tmp_path / "staging"))


def test_files_of_other_types_are_one_line_that_names_the_file(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    for name, kind in (("a", pa.float32()), ("b", pa.string())):
        vectors = pa.array([["1.0", "2.0"]], pa.list_(pa.string())).cast(pa.list_(kind))
        pq.write_table(pa.table({"id": [name], "embedding": vectors}), tmp_path / "t" / f"{name}.parquet")
    documents = spark.read.schema("id string, embedding array<float>").parquet(str(tmp_path / "t"))
    with refused("table 'left' can't be read", "b.parquet", "columns have the same types"):
        compare(documents, staging=str(tmp_path / "staging"))


@pytest.mark.slow
def test_ragged_rows_and_repeated_ids(spark: SparkSession, tmp_path: Path) -> None:
    ragged = table(spark, [1, 2, 3, 4], [[1, 2], [1, 2, 3], [3, 4], [2, 1]], INT)
    with refused("different widths: 3 rows 2 wide (such as id 1), 1 row 3 wide (such as id 2)", "leave out the others"):
        compare(ragged, staging=str(tmp_path))
    repeated = table(spark, ["x", "y", "x", "x", "z", "y"], np.ones((6, 2)), STRING)
    with refused("'left' has 2 ids in more than one row (such as id 'x')", "--id-column"):
        compare(repeated, staging=str(tmp_path))
    with refused("table 'right' has no rows, expected at least one"):
        compare(table(spark, [1], [[1, 2]], INT), table(spark, [], [], INT), staging=str(tmp_path))
    with refused("'left' are 2 wide and those of 'right' 3", "same model"):
        compare(table(spark, [1], [[1, 2]], INT), table(spark, [1], [[1, 2, 3]], INT), staging=str(tmp_path))


def test_columns_are_checked_before_anything_runs(spark: SparkSession, tmp_path: Path) -> None:
    staging = str(tmp_path / "never")
    good = table(spark, [1], [[1, 2]], INT).select("*", F.lit("x").alias("text"), F.array("id").alias("list"))
    with refused("table 'left' has no column 'key'; found id, embedding, text, list; name one with --id-column"):
        compare(good, staging=staging, id_column="key")
    with refused("table 'left' has no column 'vector'", "--embedding-column"):
        compare(good, staging=staging, embedding_column="vector")
    with refused("embedding column 'text' is string, expected array<float> or array<double>", "--embedding-column"):
        compare(good, staging=staging, embedding_column="text")
    with refused("embedding column 'list' is array<int>, expected array<float>"):
        compare(good, staging=staging, embedding_column="list")
    with refused("id column 'list' is array<int>, expected a plain type", "--id-column"):
        compare(good, staging=staging, id_column="list")
    assert not Path(staging).exists()


def test_wrong_questions_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    comparison = compare(table(spark, [1, 2], [[1, 2], [2, 1]], INT), staging=str(tmp_path))
    with refused("k is 0, expected at least 1"):
        comparison.top_k(0)
    for threshold in (1.1, -1.1, float("nan")):
        with refused(f"threshold is {threshold}, expected a cosine between -1 and 1"):
            comparison.pairs(threshold)


def made_by(documents: DataFrame, **changes: Any) -> DataFrame:
    """The table as if embed.py had made it."""
    said = {
        "model": "builtin:mini",
        "fingerprint": "f1",
        "layer": "elmo",
        "pooling": "mean",
        "level": "document",
        "tokenizer": "words",
        "language": "en",
        "max_sentence_tokens": 400,
        "precision": "float32",
        "normalize": False,
        "width": 2,
        "elmo_udf_version": "0",
    }
    return documents.withColumn("embedding", F.col("embedding").alias("embedding", metadata=said | changes))


@pytest.mark.parametrize(
    ("name", "other"), [("fingerprint", "f2"), ("layer", "word_emb"), ("pooling", "max"), ("width", 3)]
)
def test_tables_of_other_vectors_are_refused(spark: SparkSession, tmp_path: Path, name: str, other: Any) -> None:
    documents = table(spark, [1], [[1, 2]], INT)
    with refused("tables 'left' and 'right'", name, repr(other), "same model"):
        compare(made_by(documents), made_by(documents, **{name: other}), staging=str(tmp_path))


def test_what_may_differ_and_what_is_not_known_is_compared(spark: SparkSession, tmp_path: Path) -> None:
    documents = table(spark, [1], [[1, 2]], INT)
    for other in (made_by(documents, tokenizer="whitespace", model="a copy elsewhere"), documents):
        assert collected(compare(made_by(documents), other, staging=str(tmp_path)).pairs(1)) == [(1, 1, 1.0)]


def test_tables_of_tokens_and_sentences_are_refused_by_their_level(spark: SparkSession, tmp_path: Path) -> None:
    documents = table(spark, [1, 1], [[1, 2], [1, 2]], INT).withColumn("key", F.monotonically_increasing_id())
    with refused("one row per token", "--level document", "--id-column"):
        compare(made_by(documents, level="token"), staging=str(tmp_path))
    by_key = compare(made_by(documents, level="token"), staging=str(tmp_path), id_column="key")
    assert len(collected(by_key.pairs(1))) == 1


def test_a_folder_that_is_not_shared_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    check_folder(spark, Folder(f"file:{tmp_path}"), 2)
    with refused(
        "folder 'file:/dev/null/x', where blocks go, is not shared by the driver and all executors", "driver:"
    ):
        check_folder(spark, Folder("file:/dev/null/x"), 2)


def test_a_correction_of_another_width_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    """Where no row fits it, in several tasks, there is no block at all."""
    documents = table(spark, [1, 2, 3, 4], [[1, 2]] * 4, INT).repartition(2)
    correction = Correction("center", np.zeros(3), np.empty((0, 3)), np.empty(0), 10)
    with refused("vectors of table 'left' are 2 wide, and correction center was fit on vectors 3 wide"):
        compare(documents, staging=str(tmp_path), correction=correction)
