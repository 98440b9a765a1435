"""Packing into files, reading back, and the division into tasks; without Spark."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from similarity_plans import arithmetic

from elmo_udf.similarity.blocks.files import Block, Folder, Stripe, ranks_of
from elmo_udf.similarity.blocks.writer import default_block_rows, pack_batches
from elmo_udf.similarity.joins.plan import (
    check_matrix_size,
    explain_matrix,
    make_plan,
    matrix_tasks,
    stripes_of,
    super_tiles,
)
from elmo_udf.similarity.kernels.cosine import Rows, exact_block
from elmo_udf.similarity.kernels.cost import FLOPS_PER_S, MEMORY_MIB, WORKER_MIB, Cluster, Shape, stripe_bytes
from tests.refusals import refused

NAN = float("nan")


def batch(ids: list[Any], vectors: list[Any], kind: pa.DataType | None = None) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "id": pa.array(ids, None if ids else pa.string()),
            "embedding": pa.array(vectors, pa.list_(kind or pa.float32())),
        }
    )


def packed(folder: Path, batches: list[pa.RecordBatch], block_rows: int | None) -> tuple[pa.Table, Stripe]:
    """The verdicts, and the rows of the blocks that they name."""
    where = Folder(f"file:{folder}")
    verdicts = pa.Table.from_batches(list(pack_batches(batches, where, block_rows)))
    names = [name for name in verdicts["block"].to_pylist() if name is not None]
    return verdicts, Stripe(where, tuple(Block(name, names.count(name)) for name in dict.fromkeys(names)))


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
def test_rows_come_back_in_order_with_their_type_and_cosines(tmp_path: Path, kind: pa.DataType) -> None:
    values = np.random.default_rng(0).standard_normal((23, 5)).astype(kind.to_pandas_dtype())
    batches = [
        batch([f"r{i:02}" for i in range(a, b)], values[a:b].tolist(), kind) for a, b in [(0, 9), (9, 9), (9, 23)]
    ]
    verdicts, stripe = packed(tmp_path, batches, block_rows=4)
    assert [block.n_rows for block in stripe.blocks] == [4, 4, 4, 4, 4, 3]
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(block.name for block in stripe.blocks)
    ids, rows = stripe.read_rows()
    assert ids.to_pylist() == stripe.read_ids().to_pylist() == verdicts["id"].to_pylist()
    assert rows.values.dtype == values.dtype
    assert np.array_equal(exact_block(rows, rows), exact_block(Rows.of(values), Rows.of(values)))


def test_a_sample_has_its_rows_whatever_the_blocks(tmp_path: Path) -> None:
    rows = batch(list(range(400)), np.random.default_rng(0).standard_normal((400, 3)).tolist())
    for block_rows in (7, 40, 400):
        _, stripe = packed(tmp_path, [rows], block_rows)
        assert 250 <= len(stripe.sample(300)) <= 300
        assert len(stripe.sample(1000)) == 400


def test_every_kind_of_unfit_row_is_named_and_left_out(tmp_path: Path) -> None:
    rows = {
        "fit": [1.0, 2.0],
        "null vector": None,
        "empty": [],
        "nan": [1.0, NAN],
        "infinite": [float("-inf"), 1.0],
        "null inside": [None, 1.0],
        "zero": [0.0, -0.0],
        "wide": [1.0, 2.0, 3.0],
        "also fit": [3.0, 4.0],
    }
    batches = [batch([*rows, None], [*rows.values(), [1.0, 1.0]])]
    verdicts, stripe = packed(tmp_path, batches, block_rows=100)
    assert dict(zip([*rows, None], verdicts["problem"].to_pylist(), strict=True)) == {
        "fit": None,
        "null vector": "null_vector",
        "empty": "empty_vector",
        "nan": "not_finite",
        "infinite": "not_finite",
        "null inside": "not_finite",
        "zero": "zero",
        "wide": None,
        "also fit": None,
        None: "null_id",
    }
    assert verdicts["width"].to_pylist() == [2, 0, 0, 2, 2, 2, 2, 3, 2, 2]
    assert stripe.read_ids().to_pylist() == ["fit", "also fit"]


def test_slices_of_a_batch_hold_their_own_rows(tmp_path: Path) -> None:
    whole = batch(list(range(6)), [[float(i + 1), 1.0] if i != 3 else None for i in range(6)])
    verdicts, stripe = packed(tmp_path, [whole.slice(2, 4)], block_rows=100)
    assert verdicts["problem"].to_pylist() == [None, "null_vector", None, None]
    ids, rows = stripe.read_rows()
    assert ids.to_pylist() == [2, 4, 5]
    assert np.allclose(rows.values[:, 1] / rows.values[:, 0], [1 / 3, 1 / 5, 1 / 6])


def test_an_attempt_that_breaks_off_leaves_nothing_that_counts(tmp_path: Path) -> None:
    batches = [batch([i], [[1.0, float(i)]]) for i in range(5)]
    broken = pack_batches(batches, Folder(f"file:{tmp_path}"), 2)
    for _ in range(3):
        next(broken)
    broken.close()
    assert len(list(tmp_path.iterdir())) == 1
    _, stripe = packed(tmp_path, batches, block_rows=2)
    assert stripe.read_ids().to_pylist() == [0, 1, 2, 3, 4]
    assert len(list(tmp_path.iterdir())) == 1 + 3


@pytest.mark.parametrize("uri", ["{}", "file:{}", "file://{}"])
def test_local_folders_by_path_and_by_uri(tmp_path: Path, uri: str) -> None:
    folder = tmp_path / "with space and %20"
    folder.mkdir()
    Folder(uri.format(folder)).write_block(pa.array(["a"]), np.ones((1, 2), np.float32), "x")
    assert (folder / "x.arrow").is_file()


def test_a_file_system_that_pyarrow_lacks_is_refused() -> None:
    with refused("ftp://host/x", "file:, s3a:, gs:, abfss: or hdfs:"):
        Folder("ftp://host/x").open()


@pytest.mark.parametrize(
    "ids",
    [
        ["b", "a", "ä", "Z", "aa", "\U0001f600", "\uffff"],
        [3, -1, 2**40, 0],
        [datetime.date(2020, 1, 2), datetime.date(1960, 1, 1)],
        [datetime.datetime(2020, 1, 1, 0, 0, 1), datetime.datetime(2020, 1, 1)],
        [decimal.Decimal("1.10"), decimal.Decimal("-2.00")],
        [b"\xff", b"\x00", b""],
        [True, False],
    ],
)
def test_ranks_follow_the_order_of_ids(ids: list[Any]) -> None:
    expected = sorted(ids, key=lambda x: x.encode() if isinstance(x, str) else x)
    by_rank = np.argsort(ranks_of(pa.array(ids)))
    assert [ids[i] for i in by_rank] == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 30))
def test_stripes_hold_every_block_once_and_are_about_equal(sizes: list[int], n: int) -> None:
    table = Stripe(Folder("x"), tuple(Block(str(i), size) for i, size in enumerate(sizes)))
    stripes = stripes_of(table, n)
    assert [block for stripe in stripes for block in stripe.blocks] == list(table.blocks)
    assert 1 <= len(stripes) <= n
    assert all(0 < len(stripe) <= len(table) / n + max(sizes) for stripe in stripes)


@given(st.integers(1, 12), st.one_of(st.none(), st.integers(1, 12)))
def test_super_tiles_cover_every_pair_of_stripes_once(n_left: int, n_right: int | None) -> None:
    found = [(tile.left, tile.left if tile.right is None else tile.right) for tile in super_tiles(n_left, n_right)]
    if n_right is None:
        assert sorted(found) == [(i, j) for i in range(n_left) for j in range(i, n_left)]
    else:
        assert sorted(found) == [(i, j) for i in range(n_left) for j in range(n_right)]


@pytest.mark.parametrize(
    ("n_left", "n_right", "kept"),
    [(10_000_000, None, 10), (1_000_000, None, 0), (1_000_000, None, 1000), (50_000, 2_000_000, 10), (3, 2_000_000, 5)],
)
def test_a_task_stays_within_the_memory_of_a_worker(n_left: int, n_right: int | None, kept: int) -> None:
    shape = Shape(n_left, n_right, 1024, 4, kept)
    plan = make_plan(shape, Cluster(slots=64, task_cpus=1))
    sizes = zip(stripe_bytes(shape), plan.stripe_rows, strict=True)
    assert sum(row_bytes * rows for row_bytes, rows in sizes) <= MEMORY_MIB * 2**20
    assert plan.explain()["worker_mib_at_most"] <= MEMORY_MIB + WORKER_MIB  # type: ignore[operator]


def test_a_small_problem_is_one_task_and_a_large_one_keeps_all_slots_busy() -> None:
    small = make_plan(Shape(2000, None, 1024, 4, 10), Cluster(slots=64, task_cpus=1))
    assert small.n_left == 1 and len(super_tiles(small.n_left, None)) == 1
    for cluster in (Cluster(slots=1, task_cpus=8), Cluster(slots=64, task_cpus=8)):
        plan = make_plan(Shape(30_000, None, 1024, 4, 10), cluster)
        assert len(super_tiles(plan.n_left, plan.n_right)) == 1  # one process is done before a cluster has begun
        assert matrix_tasks(Shape(5000, None, 1024, 4, 0), cluster) == 1
    assert matrix_tasks(Shape(20_000, None, 1024, 4, 0), Cluster(slots=64, task_cpus=1)) == 128
    two = Cluster(slots=2, task_cpus=1)
    assert matrix_tasks(Shape(4_000_000, 100, 1024, 4, 0), two) >= 4_000_000 * 4096 / (MEMORY_MIB * 2**20)
    reads = explain_matrix(Shape(20_000, None, 1024, 4, 0), two)["mib_read_from_blocks"]
    assert reads == round((1 + 4 * 6) * 20_000 * 4096 / 2**20, 3), "5,000 rows a task, 838 of them at a time"
    large = make_plan(Shape(1_000_000, None, 1024, 4, 10), Cluster(slots=64, task_cpus=1))
    ideal = 1024 * 1e12 / FLOPS_PER_S / 64
    assert ideal < large.seconds < 1.6 * ideal


def test_the_plan_in_numbers() -> None:
    plan = make_plan(Shape(1000, None, 100, 4, 10), Cluster(2, 1), stripe_rows=250)
    assert plan.explain() == {
        "rows": 1000,
        "width": 100,
        "super_tile": "250 x 250 rows",
        "tasks": 10,
        "gflop": 0.1,
        "mib_written_to_blocks": 0.381,
        "mib_read_from_blocks": 1.526,  # every stripe four times
        "partial_rows_at_most": 40_000,
        "mib_shuffled": 0.0,  # so few are put in order by one task
        "worker_mib_at_most": 241,
        "seconds_estimated": pytest.approx(1.0, abs=0.2),
    }
    large = make_plan(Shape(10_000_000, None, 100, 4, 10, 8), Cluster(2, 1), stripe_rows=5_000_000).explain()
    assert large["mib_shuffled"] == pytest.approx(10 * 2 * 100_000_000 / 2**20, rel=1e-3)  # partial rows alone


def test_a_matrix_that_would_not_fit_is_refused() -> None:
    check_matrix_size(20_000, 20_000)
    with refused("30,000 x 30,000", "400,000,000 cells", "topk or pairs"):
        check_matrix_size(30_000, 30_000)
    with refused("2 x 1,000,000", "100,000 columns"):
        check_matrix_size(2, 1_000_000)


def test_the_arithmetic_of_the_page_is_that_of_the_plan(root: Path) -> None:
    page = (root / "docs" / "similarity.md").read_text("utf-8")
    assert arithmetic() in page, "the plan has changed: run python scripts/docs_similarity.py"
    cells = [line.strip("| ").split(" | ") for line in arithmetic().splitlines()[2:]]
    assert [cells[0][i] for i in (0, 3, 5)] == ["1,000,000", "22,223 x 22,223 rows", "1.0 PFLOP"]  # 1e6² x 1024
    assert cells[4][5] == "102.4 PFLOP"


def test_blocks_are_some_mib_whatever_the_width() -> None:
    assert [default_block_rows(width) for width in (1, 1024, 4096, 10**6)] == [2048, 2048, 512, 256]
