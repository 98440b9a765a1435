"""The joins on Spark against brute force, over several blocks and tasks; and what they refuse."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from elmo_udf.similarity.blocks import verdicts
from elmo_udf.similarity.compare import compare
from elmo_udf.similarity.joins import comparison as join
from elmo_udf.similarity.joins.comparison import Comparison

STRING, INT, LONG, DATE = T.StringType(), T.IntegerType(), T.LongType(), T.DateType()
SMALL = {"block_rows": 16, "stripe_rows": 40}  # several blocks and several tasks for a hundred rows


def table(spark: SparkSession, ids: list[Any], vectors: Any, id_type: T.DataType, double: bool = False) -> DataFrame:
    kind = T.ArrayType(T.DoubleType() if double else T.FloatType())
    rows = [(i, None if v is None else [None if x is None else float(x) for x in v]) for i, v in zip(ids, vectors)]  # noqa: B905
    return spark.createDataFrame(rows, T.StructType().add("id", id_type).add("embedding", kind))


def some_vectors(n: int, seed: int, width: int = 6) -> np.ndarray:
    """(n, width) float32: a fifth are copies of each other, and small whole numbers make many ties."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-2, 3, (n, width)) + 0.01 * rng.integers(0, 2, (n, width))
    values[rng.random(n) < 0.2] = np.arange(1, width + 1)
    values[~values.any(axis=1), 0] = 1
    return values.astype(np.float32)


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(n, m) float64, rounded to 1e-6: brute force."""
    a, b = left.astype(np.float64), right.astype(np.float64)
    product = (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T
    return np.round(np.clip(product, -1, 1), 6) + 0.0


def slow_top_k(ids: list[Any], others: list[Any], all_cosines: np.ndarray, k: int, within: bool) -> list[tuple]:
    rows = []
    for i in np.argsort(np.array(ids)):
        near = sorted((-all_cosines[i, j], others[j]) for j in range(len(others)) if not (within and i == j))
        rows += [(ids[i], rank, other, -cosine) for rank, (cosine, other) in enumerate(near[:k], 1)]
    return rows


def slow_pairs(ids: list[Any], others: list[Any], all_cosines: np.ndarray, threshold: float, within: bool) -> list:
    found = [
        (a, b, all_cosines[i, j])
        for i, a in enumerate(ids)
        for j, b in enumerate(others)
        if all_cosines[i, j] >= threshold and (not within or a < b)
    ]
    return sorted(found, key=lambda pair: (-pair[2], pair[0], pair[1]))


def collected(result: DataFrame) -> list[tuple]:
    return [tuple(row) for row in result.collect()]


def assert_divided(comparison: Comparison, kept: int = 1) -> None:
    """There are several blocks and several tasks, so that the test tests the division."""
    assert all(len(one.rows.blocks) > 1 for one in comparison.packed)
    assert len(comparison.tasks(kept)) > 2


def shuffled_ids(n: int, id_type: T.DataType) -> list[Any]:
    numbers = np.random.default_rng(n).permutation(n).tolist()
    if id_type == STRING:
        return [f"d{number}" for number in numbers]
    if id_type == DATE:
        return [datetime.date(1969, 12, 1) + datetime.timedelta(days=number) for number in numbers]
    return [number - 50 + (2**40 if id_type == LONG else 0) for number in numbers]


@pytest.mark.parametrize(
    ("id_type", "double", "few_bytes"), [(STRING, False, 10**8), pytest.param(LONG, True, 0, marks=pytest.mark.slow)]
)
def test_top_k_and_pairs_within_a_table(
    spark: SparkSession, tmp_path: Path, monkeypatch: Any, id_type: T.DataType, double: bool, few_bytes: int
) -> None:
    for module in (join, verdicts):
        monkeypatch.setattr(module, "FEW_BYTES", few_bytes)  # with 0 nothing is left to one task
    ids, vectors = shuffled_ids(110, id_type), some_vectors(110, seed=1)
    documents = table(spark, ids, vectors, id_type, double).repartition(3)
    comparison = compare(documents, staging=str(tmp_path / "blocks"), **SMALL)
    assert_divided(comparison)
    expected = cosines(vectors, vectors)

    result = comparison.top_k(7)
    assert [field.dataType for field in result.schema] == [id_type, T.IntegerType(), id_type, T.DoubleType()]
    assert result.columns == ["id", "rank", "neighbor_id", "cosine"]
    assert collected(result) == slow_top_k(ids, ids, expected, 7, within=True)

    threshold = float(np.sort(expected[np.triu_indices(110, 1)])[-200])  # the cosine of a pair
    pairs = comparison.pairs(threshold)
    assert [field.dataType for field in pairs.schema] == [id_type, id_type, T.DoubleType()]
    assert pairs.columns == ["id_a", "id_b", "cosine"]
    assert collected(pairs) == slow_pairs(ids, ids, expected, threshold, within=True)


def test_two_tables_and_their_matrix(spark: SparkSession, tmp_path: Path) -> None:
    left_ids, left = shuffled_ids(70, DATE), some_vectors(70, seed=2)
    right_ids, right = shuffled_ids(90, INT), some_vectors(90, seed=3)
    one, other = table(spark, left_ids, left, DATE), table(spark, right_ids, right, INT, double=True)
    renamed = other.withColumnsRenamed({"id": "my id", "embedding": "a.b"})
    expected = cosines(left, right)
    comparison = compare(
        one.withColumnsRenamed({"id": "my id", "embedding": "a.b"}).repartition(2),
        renamed.repartition(2),
        staging=str(tmp_path),
        id_column="my id",
        embedding_column="a.b",
        **SMALL,
    )
    assert_divided(comparison)
    assert collected(comparison.top_k(4)) == slow_top_k(left_ids, right_ids, expected, 4, within=False)
    assert collected(comparison.pairs(0.7)) == slow_pairs(left_ids, right_ids, expected, 0.7, within=False)
    whole = compare(one, other, staging=str(tmp_path / "whole"))
    assert len(whole.tasks(4)) == 1 and whole.top_k(4).schema == comparison.top_k(4).schema
    assert collected(whole.top_k(4)) == collected(comparison.top_k(4))
    assert collected(whole.pairs(0.7)) == collected(comparison.pairs(0.7))

    matrix, column_ids = comparison.matrix()
    assert [field.dataType for field in matrix.schema] == [DATE, T.ArrayType(T.FloatType())]
    assert column_ids == sorted(right_ids)
    in_order = expected[np.argsort(np.array(left_ids))][:, np.argsort(np.array(right_ids))].astype(np.float32)
    rows = matrix.collect()
    assert [row.id for row in rows] == sorted(left_ids)
    assert np.array_equal(np.array([row.cosines for row in rows], np.float32), in_order)


def test_a_table_against_itself_finds_itself(spark: SparkSession, tmp_path: Path) -> None:
    documents = table(spark, ["a", "b"], [[1, 0], [1, 1]], STRING)
    comparison = compare(documents, documents, staging=str(tmp_path))
    assert collected(comparison.top_k(1)) == [("a", 1, "a", 1.0), ("b", 1, "b", 1.0)]
    assert len(collected(comparison.pairs(-1))) == 4


@pytest.mark.slow
def test_results_do_not_depend_on_partitions_blocks_or_tasks(spark: SparkSession, tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    near = rng.standard_normal(33) + 1e-6 * rng.standard_normal((60, 33))  # float32 can't order these
    vectors = np.concatenate([near, rng.standard_normal((60, 33))]).astype(np.float32)
    documents = table(spark, shuffled_ids(120, STRING), vectors, STRING).cache()
    found = []
    for number, (partitions, sizes) in enumerate(
        [(1, {}), (4, SMALL), (2, {"block_rows": 7, "stripe_rows": 25})],
    ):
        comparison = compare(documents.repartition(partitions), staging=str(tmp_path / str(number)), **sizes)
        assert (len(comparison.tasks(5)) > 1) == bool(sizes)
        found.append((collected(comparison.top_k(5)), collected(comparison.pairs(0.4))))
    documents.unpersist()
    assert found[0] == found[1] == found[2]
    assert len(found[0][1]) > 60 * 59 // 2
    cosine_of_pairs = {frozenset(pair[:2]): pair[2] for pair in found[0][1]}
    assert all(cosine_of_pairs[frozenset((a, b))] == cosine for a, _, b, cosine in found[0][0] if cosine >= 0.4)


@pytest.mark.slow
def test_pruning_loses_no_pair(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elmo_udf.similarity.kernels.prune._NARROW", 0)  # as if tables were large
    rng = np.random.default_rng(4)
    scale = 1.0 / (1 + np.arange(384))
    vectors = (rng.standard_normal((600, 384)) * scale)[rng.integers(0, 600, 500)]
    vectors = (vectors + 0.02 * rng.standard_normal((500, 384)) * scale).astype(np.float32)
    documents = table(spark, shuffled_ids(500, STRING), vectors, STRING)
    other = table(spark, [f"o{i}" for i in range(300)], vectors[:300][::-1], STRING)
    sizes = {"block_rows": 64, "stripe_rows": 150}
    for name, others in (("within", None), ("against", other)):
        comparison = compare(documents, others, staging=str(tmp_path / name), **sizes)
        assert comparison.pruning(0.98) is not None and comparison.pruning(0.0) is None
        pairs = collected(comparison.pairs(0.98))
        assert len(pairs) > 100 and pairs == collected(comparison.pairs(0.98, prune=False))


@pytest.mark.slow
def test_a_thousand_nearest(spark: SparkSession, tmp_path: Path) -> None:
    """As many as may be asked for, over several tasks, with many ties."""
    n, k, vectors = 1100, 1000, some_vectors(1100, seed=9)
    documents = table(spark, list(range(n)), vectors, INT)
    comparison = compare(documents, staging=str(tmp_path), block_rows=256, stripe_rows=400)
    assert_divided(comparison, k)
    found = comparison.top_k(k).toArrow()
    expected = cosines(vectors, vectors)
    np.fill_diagonal(expected, -2)
    best = np.array([np.lexsort((np.arange(n), -row))[:k] for row in expected])
    assert np.array_equal(found["neighbor_id"].to_numpy().reshape(n, k), best)
    assert np.array_equal(found["cosine"].to_numpy().reshape(n, k), np.take_along_axis(expected, best, axis=1))


def test_one_row_and_fewer_rows_than_k(spark: SparkSession, tmp_path: Path) -> None:
    alone = compare(table(spark, ["a"], [[1, 2]], STRING), staging=str(tmp_path))
    assert collected(alone.top_k(3)) == [] and collected(alone.pairs(-1)) == []
    assert alone.top_k(3).columns == ["id", "rank", "neighbor_id", "cosine"]
    matrix, ids = alone.matrix()
    assert collected(matrix) == [("a", [1.0])] and ids == ["a"]
    three = compare(table(spark, [3, 1, 2], [[1, 0], [1, 1], [0, 1]], INT), staging=str(tmp_path))
    assert collected(three.top_k(1000)) == [
        (1, 1, 2, 0.707107),
        (1, 2, 3, 0.707107),
        (2, 1, 1, 0.707107),
        (2, 2, 3, 0.0),
        (3, 1, 1, 0.707107),
        (3, 2, 2, 0.0),
    ]


def test_products_run_on_the_cpus_of_the_task(spark: SparkSession, tmp_path: Path) -> None:
    """BLAS threads are set to the task's two cores, whatever the worker started with."""
    comparison = compare(table(spark, [1, 2], [[1, 2], [2, 1]], INT), staging=str(tmp_path))

    def count(left: Any, right: Any) -> Any:
        import pyarrow as pa
        from threadpoolctl import threadpool_info

        threads = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        yield pa.record_batch({"threads": pa.array(threads, pa.int32())})

    found = comparison._run(comparison.tasks(1), count, T.StructType().add("threads", "integer")).table.collect()
    assert found and {row.threads for row in found} == {2}
