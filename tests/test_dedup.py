"""Near duplicates are removed as plain Python would do it, document by document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from elmo_udf.dedup.first_come import removed_ids, removed_of
from elmo_udf.dedup.job import remove_duplicates
from elmo_udf.dedup.options import DedupOptions
from tests.refusals import refused


def vectors(n: int, seed: int) -> np.ndarray:
    """Rows (n, 6) of which many are similar to others, so that there are chains."""
    random = np.random.default_rng(seed)
    return (random.integers(0, 3, (n, 6)) + 0.2 * random.standard_normal((n, 6))).astype(np.float32)


def write(path: Path, ids: list[str], rows: np.ndarray, years: list[int | None]) -> str:
    table = {"id": ids, "year": pa.array(years, pa.int32()), "embedding": pa.array(list(rows), pa.list_(pa.float32()))}
    pq.write_table(pa.table(table), path)
    return str(path)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = (one.astype(np.float64) for one in (a, b))
    product = a @ b.T / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)
    return np.asarray(product.round(6))


def expected(
    ids: list[str], order: list[int], near: np.ndarray, threshold: float
) -> tuple[set[str], dict[str, tuple[str, float]]]:
    """The ids that stay, and the match of each of the others, one document after the other."""
    stays: list[int] = []
    for i in order:
        if not any(near[i, j] >= threshold for j in stays):
            stays.append(i)
    matches = {}
    for i in set(order) - set(stays):
        best = min(stays, key=lambda j: (-near[i, j], ids[j]))
        matches[ids[i]] = ids[best], near[i, best]
    return {ids[i] for i in stays}, matches


@pytest.mark.parametrize("keep", [None, "year desc", pytest.param("year asc", marks=pytest.mark.slow)])
def test_as_one_after_the_other(spark: SparkSession, tmp_path: Path, keep: str | None) -> None:
    n = 80
    random = np.random.default_rng(1)
    ids = [f"d{i:03d}" for i in random.permutation(n)]
    years = [None if year < 2 else int(year) for year in random.integers(0, 12, n)]
    rows = vectors(n, 0)
    given = {"embeddings": write(tmp_path / "in.parquet", ids, rows, years), "output": str(tmp_path / "out")}
    report = remove_duplicates(spark, DedupOptions(**given, threshold=0.95, keep=keep))  # type: ignore[arg-type]
    sign = {None: 0, "year asc": 1, "year desc": -1}[keep]
    order = sorted(range(n), key=lambda i: (sign != 0 and years[i] is None, sign * (years[i] or 0), ids[i]))
    stays, matches = expected(ids, order, cosines(rows, rows), 0.95)
    assert 10 < len(stays) < n - 10
    table = pq.read_table(tmp_path / "out")
    assert table.column_names == ["id", "year", "embedding"]
    found = {row["id"]: row for row in table.to_pylist()}
    assert found.keys() == stays
    assert all(found[name]["year"] == years[ids.index(name)] for name in stays)
    removed = pq.read_table(tmp_path / "out-removed").to_pylist()
    assert {row["id"]: (row["match_id"], row["cosine"]) for row in removed} == matches
    assert {row["match_table"] for row in removed} == {"embeddings"}
    assert (report["rows_in"], report["rows_out"], report["rows_removed"]) == (n, len(stays), n - len(stays))


def test_against_another_table(spark: SparkSession, tmp_path: Path) -> None:
    ids, rows = [f"d{i:02d}" for i in range(40)], vectors(40, 2)
    others, other_rows = [f"d{i:02d}" for i in range(10)], vectors(10, 3)
    given = {"embeddings": write(tmp_path / "in.parquet", ids, rows, [None] * 40), "output": str(tmp_path / "out")}
    given |= {"against": write(tmp_path / "old.parquet", others, other_rows, [None] * 10)}
    report = remove_duplicates(spark, DedupOptions(**given, threshold=0.93))  # type: ignore[arg-type]
    near = cosines(rows, other_rows)
    gone = {ids[i] for i in range(40) if near[i].max() >= 0.93}
    assert 0 < len(gone) < 40 and report["rows_removed_against"] == len(gone)
    removed: dict[str, dict[str, Any]] = {row["id"]: row for row in pq.read_table(tmp_path / "out-removed").to_pylist()}
    for name in gone:
        i = ids.index(name)
        best = min(range(10), key=lambda j: (-near[i, j], others[j]))
        row = removed[name]
        assert (row["match_table"], row["match_id"], row["cosine"]) == ("against", others[best], near[i, best])
    rest = [i for i in range(40) if ids[i] not in gone]
    stays, matches = expected(ids, rest, cosines(rows, rows), 0.93)
    assert set(pq.read_table(tmp_path / "out").column("id").to_pylist()) == stays
    assert removed.keys() == gone | matches.keys()


@pytest.mark.parametrize("seed", range(5))
def test_one_task_decides_as_one_after_the_other(seed: int) -> None:
    random = np.random.default_rng(seed)
    place = random.permutation(50)
    pairs = {tuple(sorted(random.choice(50, 2, replace=False), key=lambda i: place[i])) for _ in range(90)}
    first, second = (np.array(side) for side in zip(*sorted(pairs), strict=True))
    stays: set[int] = set()
    for i in np.argsort(place):
        if not any((j, i) in pairs for j in stays):
            stays.add(int(i))
    assert set(np.flatnonzero(~removed_of(first, second, 50))) == stays


@pytest.mark.slow
@pytest.mark.parametrize("max_edges", [0, 20])
def test_rounds_decide_as_one_task(spark: SparkSession, tmp_path: Path, max_edges: int) -> None:
    random = np.random.default_rng(7)
    pairs = sorted({tuple(sorted(map(int, random.choice(40, 2, replace=False)))) for _ in range(60)})
    table = spark.createDataFrame(pairs, "first int, second int")
    found = [{row.id for row in removed_ids(table, str(tmp_path / str(n)), n).collect()} for n in (1000, max_edges)]
    assert found[0] == found[1] and found[0]


def test_refusals(spark: SparkSession, tmp_path: Path) -> None:
    path = write(tmp_path / "in.parquet", ["a", "b"], vectors(2, 0), [1, 2])
    given = {"embeddings": path, "output": str(tmp_path / "out"), "threshold": 0.9}
    with refused("keep is 'year', expected a column and asc or desc"):
        DedupOptions(**given, keep="year")  # type: ignore[arg-type]
    with refused("threshold is 1.5, expected -1 to 1"):
        DedupOptions(**given | {"threshold": 1.5})  # type: ignore[arg-type]
    with refused("removed and output are both"):
        DedupOptions(**given, removed=str(tmp_path / "out") + "/")  # type: ignore[arg-type]
    with refused("keep names column 'date', which is not in table"):
        remove_duplicates(spark, DedupOptions(**given, keep="date asc"))  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
    dry = remove_duplicates(spark, DedupOptions(**given, dry_run=True))  # type: ignore[arg-type]
    assert dry["rows_in"] == 2 and not (tmp_path / "out").exists()
