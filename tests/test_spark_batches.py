"""Batches read past the JVM are those that Spark gives, and where that is not certain Spark gives them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from py4j.protocol import Py4JError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.similarity.blocks.comparable import sides_of
from elmo_udf.spark import internals
from elmo_udf.spark.inputs import batches as dividing
from elmo_udf.spark.inputs import plain_parquet as module
from elmo_udf.spark.inputs.batches import divided, map_batches, read_groups
from elmo_udf.spark.inputs.plain_parquet import plain_parquet

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
    assert plain_parquet(table, None) is not None
    ours, sparks = (sorted(map(tuple, one.collect())) for one in (map_batches(table, told, SCHEMA), _by_spark(table)))
    assert len(sparks) == table.count() > 0
    assert ours == sparks


def _by_spark(table: DataFrame) -> DataFrame:
    return table.mapInArrow(told, SCHEMA)


def vectors(ids: list[Any], kind: pa.DataType = FLOATS) -> pa.Table:
    values = np.random.default_rng(len(ids)).standard_normal((len(ids), 3)).astype(np.float32)
    return pa.table({"embedding": pa.array(values.tolist(), kind), "more": ids, "id": ids})


def write(table: pa.Table, path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)
    return path


@pytest.mark.slow
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
    assert plain_parquet(table.select("day", "embedding"), None) is None


IDS = [
    pa.array(["a", "b"], pa.large_string()),
    pa.array(["a", None]).dictionary_encode(),
    pa.array(["a", "b"], pa.string_view()),
    pa.array([1, 2], pa.int32()),
    pa.array([-(2**63), 2**63 - 1]),
]
KINDS = [pa.large_list(pa.float32()), pa.list_(pa.float32(), 3), pa.list_(pa.float64())]
"""Each of the first with each of the second; the ordinary run has every one once."""


@pytest.mark.parametrize(
    ("ids", "kind"),
    [
        pytest.param(ids, kind, marks=[] if j == i % 3 else pytest.mark.slow, id=f"{ids.type}-{kind}")
        for i, ids in enumerate(IDS)
        for j, kind in enumerate(KINDS)
    ],
)
def test_types_of_other_writers(spark: SparkSession, tmp_path: Path, ids: pa.Array, kind: pa.DataType) -> None:
    rows = pa.table({"id": ids, "embedding": pa.array([[1, 2, 3], [4, 5, 6.5]], kind)})
    try:
        path = write(rows, tmp_path / "a.parquet")
    except pa.ArrowNotImplementedError as error:
        pytest.skip(f"pyarrow {pa.__version__} can't write this type: {error}")
    same(spark.read.parquet(str(path)))


def test_narrower_types_than_the_table_has(spark: SparkSession, tmp_path: Path) -> None:
    rows = pa.table({"id": pa.array([1, -2], pa.int32()), "embedding": pa.array([[1.5, None], None], FLOATS)})
    path = str(write(rows, tmp_path / "a.parquet"))
    same(spark.read.schema("id long, embedding array<double>").parquet(path))
    write(rows.set_column(1, "embedding", rows["embedding"].cast(pa.list_(pa.float16()))), tmp_path / "a.parquet")
    assert plain_parquet(spark.read.schema("id long, embedding array<float>").parquet(path), None) is None


def test_tables_of_jobs_are_plain(spark: SparkSession, tmp_path: Path) -> None:
    """What a comparison reads of a table, and what its correction is fit on: nothing more than files."""
    table = spark.read.parquet(str(write(vectors(["a", "b"]), tmp_path / "a.parquet")))
    (side,) = sides_of(table, None, "more", "embedding", ("table", ""))
    assert side.table.columns == ["id", "embedding"]
    assert plain_parquet(side.table, None) is not None
    assert plain_parquet(side.table.select("id", "embedding"), None) is not None


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
    assert plain_parquet(table.select("id", "embedding"), None) is not None
    assert plain_parquet(make(table), None) is None


def test_settings_of_the_reader_are_left_to_spark(spark: SparkSession, tmp_path: Path) -> None:
    path = str(write(vectors([1, 2]), tmp_path / "a.parquet"))
    assert plain_parquet(spark.read.option("mergeSchema", "true").parquet(path), None) is not None
    assert plain_parquet(spark.read.option("ignoreMissingFiles", "true").parquet(path), None) is None
    for name in ("files.ignoreCorruptFiles", "parquet.binaryAsString"):
        spark.conf.set(f"spark.sql.{name}", "true")
        try:
            assert plain_parquet(spark.read.parquet(path), None) is None
        finally:
            spark.conf.unset(f"spark.sql.{name}")


def other(rows: pa.Table, name: str, kind: pa.DataType) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(name), name, rows[name].cast(kind))


ODD: dict[str, Callable[[pa.Table], pa.Table]] = {
    "a column missing": lambda rows: rows.drop_columns("embedding"),
    "a name in another case": lambda rows: rows.rename_columns(["embedding", "more", "ID"]),
    "two names but for case": lambda rows: rows.append_column("ID", rows["id"]),
    "text without a mark": lambda rows: other(rows, "id", pa.binary()),
    "wider values": lambda rows: other(rows, "embedding", pa.list_(pa.float64())),
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_one_file_unlike_the_others_makes_it_spark_s(spark: SparkSession, tmp_path: Path, change: Any) -> None:
    table = spark.read.parquet(str(write(vectors(["a"]), tmp_path / "a.parquet")))
    write(change(vectors(["b"])), tmp_path / "b.parquet")
    assert plain_parquet(table.select("id", "embedding"), None) is not None
    both = spark.read.schema(table.schema).parquet(str(tmp_path))
    assert plain_parquet(both.select("id", "embedding"), None) is None


def test_names_that_are_no_one_column_are_left_to_spark(spark: SparkSession, tmp_path: Path) -> None:
    rows = vectors([1]).append_column("a.b", pa.array([1]))
    table = spark.read.parquet(str(write(rows, tmp_path / "a.parquet")))
    assert plain_parquet(table.select("`a.b`"), None) is None
    assert plain_parquet(table.select("id", F.col("more").alias("id")), None) is None


def test_only_files_that_spark_would_scan(spark: SparkSession, tmp_path: Path) -> None:
    """Empty and hidden ones, and one beside the folders of a partitioned table, are not; one that is named twice is."""
    part = write(vectors([1, 2]), tmp_path / "t" / "day=1" / "a.parquet")
    (tmp_path / "t" / "day=1" / "empty.parquet").touch()
    (tmp_path / "t" / "_metadata").write_bytes(b"no footer")
    write(vectors([3]), tmp_path / "t" / "day=2" / "_hidden.parquet")
    same(spark.read.parquet(str(part), str(part)).select("id", "embedding"))
    schema = spark.read.parquet(str(part)).schema.add("day", "integer")
    table = spark.read.schema(schema).option("basePath", str(tmp_path / "t")).parquet(str(tmp_path / "t"))
    same(table.select("id", "embedding"))
    write(vectors([4]), tmp_path / "t" / "stray.parquet")
    table = spark.read.schema(schema).option("basePath", str(tmp_path / "t")).parquet(str(tmp_path / "t"))
    same(table.select("id", "embedding"))


def test_on_a_cluster_only_beside_a_folder_that_tasks_were_seen_to_read(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = spark.read.parquet(str(write(vectors([1]), tmp_path / "a.parquet")))
    monkeypatch.setattr(module, "local_cores", lambda master: None)
    assert plain_parquet(table, None) is None
    assert plain_parquet(table, "s3a://bucket/staging") is None
    assert plain_parquet(table, "file:/elsewhere") is not None


@pytest.mark.slow
def test_row_groups_are_divided_evenly(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abcd":  # as Spark writes them: a row group a file
        write(vectors([f"{name}{i}" for i in range(200)]), tmp_path / f"{name}.parquet")
    write(vectors([f"e{i}" for i in range(500)]), tmp_path / "large.parquet", row_group_size=20)
    write(vectors(["x"]).slice(1), tmp_path / "empty.parquet")
    table = spark.read.parquet(str(tmp_path)).select("id", "embedding")
    plain = plain_parquet(table, None)
    assert plain is not None
    columns, groups = plain
    assert len(groups) >= 4 + 25
    for n_slots, task_bytes in [(1, 1 << 30), (2, 1 << 30), (3, 1 << 30), (100, 1 << 30), (1, 4000), (3, 4000)]:
        monkeypatch.setattr(dividing, "_TASK_BYTES", task_bytes)
        tasks = divided(groups, n_slots)
        assert len(tasks) % n_slots == 0 or all(len(task) == 1 for task in tasks)
        assert (len(tasks) > n_slots) == (task_bytes < 1 << 30)
        rows = [sum(group.n_rows for group in task) for task in tasks]
        assert max(rows) - min(rows) <= 200
        found = [batch["id"].to_pylist() for task in tasks for batch in read_groups(task, columns)]
        assert sorted(i for ids in found for i in ids) == sorted(row.id for row in table.select("id").collect())
    same(table)


def test_batches_of_wide_rows_are_of_fewer_rows(spark: SparkSession, tmp_path: Path) -> None:
    values = pa.FixedSizeListArray.from_arrays(pa.array(np.random.default_rng(0).random(300_000 * 8)), 300_000)
    path = write(pa.table({"id": list(range(8)), "embedding": values}), tmp_path / "a.parquet")
    plain = plain_parquet(spark.read.parquet(str(path)), None)
    assert plain is not None
    assert [len(batch) for batch in read_groups(plain[1], plain[0])] == [1] * 8


GONE: dict[str, tuple[str, Any]] = {
    "of the plan": ("relation_of", Py4JError("Method queryExecution([]) does not exist")),
    "an attribute": ("relation_of", AttributeError("'DataFrame' object has no attribute '_jdf'")),
    "another signature": ("files_of", TypeError("listFiles() takes 3 arguments")),
    "of the configuration": ("hadoop_configuration", TypeError("'NoneType' object is not callable")),
    "anything": ("files_of", RuntimeError("anything")),
}


@pytest.mark.parametrize(("name", "error"), GONE.values(), ids=GONE)
def test_names_that_another_spark_does_not_have_leave_the_table_to_it(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any, name: str, error: Exception
) -> None:
    table = spark.read.parquet(str(write(vectors([1, 2]), tmp_path / "a.parquet")))
    assert plain_parquet(table, None) is not None

    def gone(*_: object) -> None:
        raise error

    monkeypatch.setattr(internals, name, gone)
    with caplog.at_level(logging.DEBUG):
        assert plain_parquet(table, None) is None
    assert [r.levelname for r in caplog.records if "Spark reads a table by itself" in r.message] == ["DEBUG"]
    assert len(map_batches(table, told, SCHEMA).collect()) == 2


@pytest.mark.parametrize("result", [None, 7, "text", object()], ids=lambda value: type(value).__name__)
def test_results_of_another_kind_than_known_leave_the_table_to_spark(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: Any
) -> None:
    table = spark.read.parquet(str(write(vectors([1, 2]), tmp_path / "a.parquet")))
    for name in ("relation_of", "files_of"):
        with monkeypatch.context() as patch:
            patch.setattr(internals, name, lambda *_, result=result: result)
            assert plain_parquet(table, None) is None


def test_a_compression_that_pyarrow_does_not_know_is_left_to_spark(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = spark.read.parquet(str(write(vectors([1, 2]), tmp_path / "a.parquet", compression="zstd")))
    same(table)
    monkeypatch.setattr(module, "_CODECS", {"SNAPPY"})
    assert plain_parquet(table, None) is None
