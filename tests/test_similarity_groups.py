"""Groups of near duplicates: components of a graph, in one task and by joins, against a plain search."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from elmo_udf.similarity.joins import groups
from elmo_udf.similarity.joins.groups import MAX_EDGES_IN_A_TASK, components, grouped


def edges_of(spark: SparkSession, pairs: list[tuple[Any, Any, int]], kind: str = "string") -> DataFrame:
    ordered = [(min(a, b), max(a, b), steps) for a, b, steps in pairs]
    return spark.createDataFrame(ordered, f"id_a {kind}, id_b {kind}, steps int")


def searched(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """The smallest id that each id leads to, by walking the graph."""
    neighbors: dict[Any, set[Any]] = {}
    for a, b in pairs:
        neighbors.setdefault(a, set()).add(b)
        neighbors.setdefault(b, set()).add(a)
    found: dict[Any, Any] = {}
    for start in sorted(neighbors):
        todo = [start]
        while todo:
            node = todo.pop()
            if node not in found:
                found[node] = start
                todo += neighbors[node]
    return found


def random_pairs(kind: str) -> list[tuple[Any, Any]]:
    """Sparse random pairs of 200 ids, and a chain of 30 whose ids are in no order."""
    random = np.random.default_rng(4)
    names = [f"d{i}" for i in range(300)] if kind == "string" else list(range(300))
    pairs = {tuple(sorted(random.choice(200, 2, replace=False))) for _ in range(110)}
    chain = 200 + random.permutation(30)
    pairs |= {tuple(sorted(pair)) for pair in pairwise(chain)}
    return [(names[a], names[b]) for a, b in sorted(pairs)]


@pytest.mark.parametrize(
    ("kind", "max_edges"), [("string", MAX_EDGES_IN_A_TASK), pytest.param("bigint", 5, marks=pytest.mark.slow)]
)
def test_components_in_one_task_and_by_joins(spark: SparkSession, tmp_path: Path, kind: str, max_edges: int) -> None:
    pairs = random_pairs(kind)
    edges = edges_of(spark, [(a, b, 1) for a, b in pairs], kind).repartition(3)
    found = components(edges, str(tmp_path), max_edges)
    rows = found.collect()
    assert found.columns == ["id", "component"]
    assert len(rows) == len({row.id for row in rows})
    assert {row.id: row.component for row in rows} == searched(pairs)
    assert max(Counter(row.component for row in rows).values()) >= 30
    assert bool(list(tmp_path.iterdir())) == (max_edges < len(pairs))


@pytest.mark.slow
def test_ids_too_long_for_one_task_are_joined(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "MAX_ID_BYTES_IN_A_TASK", 12)
    for n_bytes, by_joins in ((3, False), (4, True)):
        a, b, c = ("x" * (n_bytes - 1) + end for end in "abc")
        folder = tmp_path / str(n_bytes)
        folder.mkdir()
        found = components(edges_of(spark, [(a, b, 1), (b, c, 1)]), str(folder))
        assert {tuple(row) for row in found.collect()} == {(a, a), (b, a), (c, a)}
        assert bool(list(folder.iterdir())) == by_joins


@pytest.mark.parametrize("max_edges", [MAX_EDGES_IN_A_TASK, pytest.param(0, marks=pytest.mark.slow)])
def test_the_table_of_groups(spark: SparkSession, tmp_path: Path, max_edges: int) -> None:
    """m is in most pairs of its group; of a chain of four the inner one with the smaller id; z only by way of y."""
    pairs = [("m", "a", 950_000), ("m", "b", 960_000), ("b", "c", 910_000), ("m", "d", 960_000)]
    pairs += [("w", "x", 990_000), ("y", "x", 1_000_000), ("z", "y", 900_000)]
    table = grouped(edges_of(spark, pairs).repartition(2), str(tmp_path), max_edges)
    assert [field.simpleString() for field in table.schema] == [
        "id:string",
        "group_id:string",
        "size:int",
        "cosine:double",
    ]
    assert [tuple(row) for row in table.collect()] == [
        ("m", "m", 5, 1.0),
        ("b", "m", 5, 0.96),
        ("d", "m", 5, 0.96),
        ("a", "m", 5, 0.95),
        ("c", "m", 5, None),
        ("x", "x", 4, 1.0),
        ("y", "x", 4, 1.0),
        ("w", "x", 4, 0.99),
        ("z", "x", 4, None),
    ]


@pytest.mark.slow
def test_no_pair_is_no_group(spark: SparkSession, tmp_path: Path) -> None:
    assert grouped(edges_of(spark, []), str(tmp_path)).collect() == []
    assert components(edges_of(spark, []), str(tmp_path), -1).collect() == []
