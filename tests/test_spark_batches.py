"""Batches read past the JVM are those that Spark gives, and where that is not certain Spark gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.spark import batches as module
from elmo_udf.spark import plain_parquet
from elmo_udf.spark.batches import map_batches, read_piece
from elmo_udf.spark.plain_parquet import plain_files

SCHEMA = "kind string, rows string"
FLOATS = pa.list_(pa.float32())


def told(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Every row as text, and the types of the columns."""
    for batch in batches:
        kinds = str([(field.name, str(field.type)) for field in batch.schema])
        rows = [repr(row) for row in batch.to_pylist()]
        yield pa.record_batch({"kind": pa.array([kinds] * len(rows)), "rows": pa.array(rows)})


def same(table: DataFrame) -> None:
    """The table is read past the JVM, and no row or type differs."""
    assert plain_files(table, None) is not None
    ours, sparks = (sorted(map(tuple, one.collect())) for one in (map_batches(table, told, SCHEMA), _by_spark(table)))
    assert len(sparks) == table.count() > 0
    assert [(kind.replace("item", "element"), rows) for kind, rows in ours] == sparks


def _by_spark(table: DataFrame) -> DataFrame:
    return table.mapInArrow(told, SCHEMA)


def vectors(ids: list[Any], kind: pa.DataType = FLOATS) -> pa.Table:
    values = np.random.default_rng(len(ids)).standard_normal((len(ids), 3)).astype(np.float32)
    return pa.table({"embedding": pa.array(values.tolist(), kind), "more": ids, "id": ids})


def write(table: pa.Table, path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)
    return path


def test_rows_of_several_files_and_row_groups(spark: SparkSession, tmp_path: Path) -> None:
    for n in range(3):
        write(vectors([f"{n}-{i}" for i in range(20)]), tmp_path / f"{n}.parquet", row_group_size=7)
    same(spark.read.parquet(str(tmp_path)).select("id", "embedding"))
    same(spark.read.parquet(str(tmp_path)).select("embedding", "id", F.col("more").alias("label")))
    same(spark.read.parquet(str(tmp_path / "0.parquet"), str(tmp_path / "2.parquet")))


def test_nulls_of_every_kind(spark: SparkSession, tmp_path: Path) -> None:
    rows = [[1.0, None], None, [], [float("nan"), float("inf")]]
    write(pa.table({"id": pa.array([1, None, 3, 4]), "embedding": pa.array(rows, FLOATS)}), tmp_path / "a.parquet")
    same(spark.read.parquet(str(tmp_path)))


def test_names_that_are_escaped_in_addresses(spark: SparkSession, tmp_path: Path) -> None:
    write(vectors([1, 2]), tmp_path / "a b%20ü#?+" / "c d.parquet")
    same(spark.read.parquet(str(tmp_path / "a b%20ü#?+")).select("id", "embedding"))


def test_columns_beside_those_that_are_folders(spark: SparkSession, tmp_path: Path) -> None:
    write(vectors(["x", "y"]), tmp_path / "day=1" / "a.parquet")
    write(vectors(["z"]), tmp_path / "day=2" / "a.parquet")
    table = spark.read.parquet(str(tmp_path))
    same(table.select("id", "embedding"))
    assert plain_files(table.select("day", "embedding"), None) is None


def test_columns_that_a_file_has_not_or_writes_in_another_case(spark: SparkSession, tmp_path: Path) -> None:
    schema = spark.read.parquet(str(write(vectors([1, 2]), tmp_path / "a.parquet"))).schema
    write(vectors([3]).drop_columns("embedding"), tmp_path / "b.parquet")
    write(vectors([4, 5]).rename_columns(["Embedding", "more", "ID"]), tmp_path / "c.parquet")
    same(spark.read.schema(schema).parquet(str(tmp_path)).select("id", "embedding"))


@pytest.mark.parametrize(
    "ids",
    [
        pa.array(["a", "b"], pa.large_string()),
        pa.array(["a", None]).dictionary_encode(),
        pa.array(["a", "b"], pa.string_view()),
        pa.array([1, 2], pa.int32()),
        pa.array([1, 2**32 - 1], pa.uint32()),
        pa.array([-(2**63), 2**63 - 1]),
    ],
    ids=lambda ids: str(ids.type),
)
@pytest.mark.parametrize(
    "kind", [pa.large_list(pa.float32()), pa.list_(pa.float32(), 3), pa.list_(pa.float64())], ids=str
)
def test_types_of_other_writers(spark: SparkSession, tmp_path: Path, ids: pa.Array, kind: pa.DataType) -> None:
    rows = pa.table({"id": ids, "embedding": pa.array([[1, 2, 3], [4, 5, 6.5]], kind)})
    same(spark.read.parquet(str(write(rows, tmp_path / "a.parquet"))))


OTHERS: dict[str, Callable[[DataFrame], DataFrame]] = {
    "filtered": lambda table: table.where("id > 1"),
    "limited": lambda table: table.limit(1),
    "computed": lambda table: table.withColumn("id", F.col("id") + 1),
    "cast": lambda table: table.withColumn("id", F.col("id").cast("string")),
    "joined": lambda table: table.join(table.select("id"), "id"),
    "sorted": lambda table: table.orderBy("id"),
    "twice": lambda table: table.union(table),
    "of other types": lambda table: table.select("id", "embedding", "day"),
    "from memory": lambda table: table.sparkSession.createDataFrame([(1, [1.0])], "id long, embedding array<float>"),
    "not Parquet": lambda table: table.sparkSession.read.schema("id long").json(table.inputFiles()),
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
def test_what_is_more_than_files_is_left_to_spark(spark: SparkSession, tmp_path: Path, make: Any) -> None:
    rows = vectors([1, 2, 3]).append_column("day", pa.array([None] * 3, pa.date32()))
    table = spark.read.parquet(str(write(rows, tmp_path / "a.parquet")))
    assert plain_files(table.select("id", "embedding"), None) is not None
    assert plain_files(make(table), None) is None


def test_settings_of_the_reader_are_left_to_spark(spark: SparkSession, tmp_path: Path) -> None:
    path = str(write(vectors([1, 2]), tmp_path / "a.parquet"))
    assert plain_files(spark.read.option("mergeSchema", "true").parquet(path), None) is not None
    assert plain_files(spark.read.option("ignoreMissingFiles", "true").parquet(path), None) is None
    for name in ("files.ignoreCorruptFiles", "parquet.binaryAsString"):
        spark.conf.set(f"spark.sql.{name}", "true")
        try:
            assert plain_files(spark.read.parquet(path), None) is None
        finally:
            spark.conf.unset(f"spark.sql.{name}")


def test_a_file_of_another_type_is_named(spark: SparkSession, tmp_path: Path) -> None:
    schema = spark.read.parquet(str(write(vectors([1]), tmp_path / "a.parquet"))).schema
    write(vectors([2], pa.list_(pa.float64())), tmp_path / "b.parquet")
    table = spark.read.schema(schema).parquet(str(tmp_path)).select("id", "embedding")
    if (plain := plain_files(table, None)) is None:  # the first file listed has the other type: Spark's own refusal
        return
    with pytest.raises(PythonException, match=r"b\.parquet': column 'embedding' is list<.*double>, and the table has"):
        map_batches(table, told, SCHEMA).collect()
    assert len(plain[0]) == 2


def test_a_broken_file_is_left_to_spark(spark: SparkSession, tmp_path: Path) -> None:
    schema = spark.read.parquet(str(write(vectors([1]), tmp_path / "a.parquet"))).schema
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no more")
    assert plain_files(spark.read.schema(schema).parquet(str(tmp_path)), None) is None


def test_on_a_cluster_only_beside_a_folder_that_tasks_were_seen_to_read(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = spark.read.parquet(str(write(vectors([1]), tmp_path / "a.parquet")))
    monkeypatch.setattr(plain_parquet, "local_cores", lambda master: None)
    assert plain_files(table, None) is None
    assert plain_files(table, "s3a://bucket/staging") is None
    assert plain_files(table, "file:/elsewhere") is not None


def test_large_files_are_divided_by_row_groups(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(vectors(list(range(500))), tmp_path / "large.parquet", row_group_size=20)
    write(vectors(list(range(500, 510))), tmp_path / "small.parquet")
    write(vectors([]).cast(vectors([1]).schema), tmp_path / "empty.parquet")
    table = spark.read.parquet(str(tmp_path)).select("id", "embedding")
    plain = plain_files(table, None)
    assert plain is not None
    monkeypatch.setattr(module, "_PIECE_BYTES", 1000)
    pieces = module._pieces(plain[0])
    assert len(pieces) > 10
    for n_slots in (1, 3, 100):
        groups = module._divided(pieces, n_slots)
        assert sorted(piece.uri for group in groups for piece in group) == sorted(piece.uri for piece in pieces)
        assert len(groups) >= min(n_slots, len(pieces))
        loads = [sum(piece.n_bytes for piece in group) for group in groups]
        assert max(loads) - min(loads) <= max(piece.n_bytes for piece in pieces)
        found = [
            batch["id"].to_pylist() for group in groups for piece in group for batch in read_piece(piece, plain[1])
        ]
        assert sorted(i for ids in found for i in ids) == list(range(510))
    same(table)
