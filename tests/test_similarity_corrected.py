"""Similarity of corrected vectors, whatever the partitions: groups, tables, samples; against plain numpy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.image import imread
from sklearn.decomposition import PCA

from elmo_udf.similarity.joins import comparison as join
from elmo_udf.similarity.joins import sample
from tests.test_similarity_job import run


def near_duplicates() -> tuple[list[str], np.ndarray]:
    """Ids and vectors (90, 8): thirty times three that differ little, all with much in common, in no order."""
    random = np.random.default_rng(6)
    vectors = np.repeat(random.standard_normal((30, 8)), 3, axis=0) + 0.05 * random.standard_normal((90, 8)) + 3
    order = random.permutation(90)
    return [f"d{i:02}" for i in order], vectors[order].astype(np.float32)


def write_documents(path: Path, n_files: int) -> str:
    """The near duplicates in so many files; other files, other order."""
    path.mkdir()
    ids, vectors = near_duplicates()
    order = np.random.default_rng(n_files).permutation(90)
    for number, part in enumerate(np.array_split(order, n_files)):
        values = {"id": [ids[i] for i in part], "embedding": vectors[part].tolist()}
        pq.write_table(
            pa.table(values, pa.schema({"id": pa.string(), "embedding": pa.list_(pa.float32())})),
            path / f"{number}.parquet",
        )
    return str(path)


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The same table, in one file and in four."""
    folder = tmp_path_factory.mktemp("twice")
    return write_documents(folder / "one", 1), write_documents(folder / "four", 4)


def without_components(vectors: np.ndarray, n: int) -> np.ndarray:
    """Unit vectors (90, 8) float64: centered, without what lies along the first n principal components."""
    centred = vectors.astype(np.float64) - vectors.astype(np.float64).mean(axis=0)
    components = np.linalg.svd(centred, full_matrices=False)[2][:n]
    rest = centred - centred @ components.T @ components
    return np.asarray(rest / np.linalg.norm(rest, axis=1, keepdims=True))


@pytest.mark.slow
def test_groups_of_corrected_vectors_whatever_the_partitions(
    spark: Any, twice: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same table, correction and sample of cosines from one file and from four; as numpy has them."""
    monkeypatch.setattr(sample, "SAMPLE_ROWS", 20)
    reports = []
    for name, table, rows in zip("ab", twice, (2048, 16), strict=True):
        flags = [
            "groups",
            "--embeddings",
            table,
            "--output",
            tmp_path / name,
            "--threshold",
            0.95,
            "--block-rows",
            rows,
        ]
        more = ["--plot", tmp_path / f"{name}.png", "--report", tmp_path / f"{name}.json"]
        assert run(spark, *flags, "--remove-components", 2, *more) == 0
        reports.append(json.loads((tmp_path / f"{name}.json").read_text("utf-8")))
        monkeypatch.setattr(sample, "_FLOPS_ON_DRIVER", 0)  # the second time on executors
    a, b = (pq.read_table(tmp_path / name) for name in "ab")
    assert a.equals(b) and a.column_names == ["id", "group_id", "size", "cosine"]
    assert (tmp_path / "a" / "_correction.npz").read_bytes() == (tmp_path / "b" / "_correction.npz").read_bytes()
    names = ("groups", "pairs", "rows_out", "cosine_quantiles", "correction", "correction_fit_on")
    assert {name: reports[0][name] for name in names} == {name: reports[1][name] for name in names}
    ids, vectors = near_duplicates()
    unit = without_components(vectors, 2)
    near = np.round(unit @ unit.T, 6) >= 0.95
    assert reports[0]["pairs"] == np.triu(near, 1).sum() and reports[0]["correction_fit_on"] == 90
    reached = np.linalg.matrix_power(near / 90, 90) > 0  # neighbors of neighbors
    sizes = {ids[i]: int(row.sum()) for i, row in enumerate(reached) if row.sum() > 1}
    assert {row["id"]: row["size"] for row in a.to_pylist()} == sizes and len(sizes) > 20
    assert reports[0]["groups"] == len({frozenset(np.flatnonzero(row)) for row in reached if row.sum() > 1})
    assert len(np.unique(imread(tmp_path / "b.png").reshape(-1, 4), axis=0)) > 20
    quantiles = reports[0]["cosine_quantiles"]
    assert quantiles["0"] < quantiles["0.5"] < quantiles["1"] <= 1


@pytest.mark.slow
def test_both_tables_get_the_correction_of_the_one_that_is_searched(
    spark: Any, twice: tuple[str, str], tmp_path: Path
) -> None:
    """Fit on the table of --against, or stored there before: the cosines are those of plain numpy."""
    ids, vectors = near_duplicates()
    some = tmp_path / "some.parquet"
    pq.write_table(pa.table({"id": ids[:20], "embedding": vectors[:20].tolist()}), some)
    flags = ["topk", "--embeddings", some, "--against", twice[1], "--k", 4, "--output"]
    assert run(spark, *flags, tmp_path / "fit", "--remove-components", 1) == 0
    assert run(spark, *flags, tmp_path / "stored", "--correction", tmp_path / "fit") == 0
    found = pq.read_table(tmp_path / "fit")
    assert found.equals(pq.read_table(tmp_path / "stored"))
    unit = without_components(vectors, 1)
    expected = np.sort(unit[:20] @ unit.T, axis=1)[:, ::-1][np.argsort(ids[:20]), :4]
    np.testing.assert_allclose(found["cosine"].to_numpy().reshape(20, 4), expected, atol=2e-6)


@pytest.mark.slow
def test_pruning_can_be_switched_off(
    spark: Any, twice: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(join, "choose_pruning", lambda *given: asked.append(given))  # None: of no use
    flags = ["pairs", "--embeddings", twice[0], "--threshold", 0.99, "--center", "--output"]
    assert run(spark, *flags, tmp_path / "pruned") == 0 and len(asked) == 1
    assert run(spark, *flags, tmp_path / "full", "--no-prune") == 0 and len(asked) == 1
    found = pq.read_table(tmp_path / "pruned")
    unit = without_components(near_duplicates()[1], 0)
    assert len(found) == np.triu(np.round(unit @ unit.T, 6) >= 0.99, 1).sum() > 20
    assert found.equals(pq.read_table(tmp_path / "full"))


def test_whitened(spark: Any, twice: tuple[str, str], tmp_path: Path) -> None:
    """The cosines of scikit-learn's whitened components; what is stored gives them again."""
    flags = ["topk", "--embeddings", twice[0], "--k", 5, "--output"]
    assert run(spark, *flags, tmp_path / "fit", "--whiten", 3) == 0
    assert run(spark, *flags, tmp_path / "stored", "--correction", tmp_path / "fit") == 0
    found = pq.read_table(tmp_path / "fit")
    assert found.equals(pq.read_table(tmp_path / "stored"))
    planned = ["--correction", tmp_path / "fit", "--dry-run", "--report", tmp_path / "planned.json"]
    assert run(spark, *flags, tmp_path / "no", *planned) == 0
    assert json.loads((tmp_path / "planned.json").read_text("utf-8"))["width"] == 3
    ids, vectors = near_duplicates()
    white = PCA(n_components=3, whiten=True).fit_transform(vectors.astype(np.float64))
    unit = white / np.linalg.norm(white, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -2)
    expected = np.sort(cosines, axis=1)[np.argsort(ids), :-6:-1]
    np.testing.assert_allclose(found["cosine"].to_numpy().reshape(90, 5), expected, atol=1e-5)


def test_too_many_pairs_end_the_run_before_anything_is_written(
    spark: Any, twice: tuple[str, str], tmp_path: Path, capsys: Any
) -> None:
    """All rows are in the sample here, so that the numbers are exact; and the threshold that is named does fit."""
    flags = ["--embeddings", twice[0], "--output", tmp_path / "out"]
    assert run(spark, "pairs", *flags, "--threshold", 0.5, "--max-pairs", 100) == 2
    said = capsys.readouterr().err
    ids, vectors = near_duplicates()
    wide = vectors.astype(np.float64)
    unit = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[np.triu_indices(len(ids), 1)]
    assert f"about {(cosines >= 0.5).sum():,} pairs reach threshold 0.5, but max_pairs is 100; --threshold " in said
    threshold = float(said.partition("--threshold ")[2].split()[0])
    assert (cosines >= threshold).sum() <= 100 < (cosines >= threshold - 2e-4).sum()
    assert list(tmp_path.iterdir()) == []
    report = tmp_path / "report.json"
    assert run(spark, "pairs", *flags, "--threshold", threshold, "--max-pairs", 100, "--report", report) == 0
    assert json.loads(report.read_text("utf-8"))["pairs_estimated"] == len(pq.read_table(tmp_path / "out"))


@pytest.mark.slow
def test_the_number_of_pairs_is_estimated_from_some_of_the_rows(
    spark: Any, twice: tuple[str, str], tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "SAMPLE_ROWS", 30)  # of 90
    report = tmp_path / "report.json"
    flags = ["pairs", "--embeddings", twice[1], "--output", tmp_path / "out", "--threshold", 0.85]
    assert run(spark, *flags, "--max-pairs", 5000, "--report", report) == 0
    n_pairs, estimated = len(pq.read_table(tmp_path / "out")), json.loads(report.read_text("utf-8"))["pairs_estimated"]
    assert n_pairs > 500 and estimated != n_pairs and 0.7 < estimated / n_pairs < 1.4
    assert run(spark, *flags, "--mode", "overwrite", "--max-pairs", n_pairs // 2) == 2
    threshold = float(capsys.readouterr().err.partition("--threshold ")[2].split()[0])
    assert run(spark, *flags[:-1], threshold, "--mode", "overwrite", "--max-pairs", n_pairs // 2) == 0
    assert 0.7 < len(pq.read_table(tmp_path / "out")) / (n_pairs // 2) < 1.4


def test_a_vector_of_which_the_correction_leaves_nothing(spark: Any, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "equal.parquet"
    pq.write_table(pa.table({"id": [1, 2, 3], "embedding": [[0.1, 0.7]] * 3}), path)
    assert run(spark, "pairs", "--embeddings", path, "--output", tmp_path / "out", "--center") == 2
    assert "3 rows of whose vector the correction leaves nothing" in capsys.readouterr().err


def test_a_vector_that_the_correction_makes_too_large(spark: Any, tmp_path: Path, capsys: Any) -> None:
    path, rows = tmp_path / "large.parquet", [[3e38, 1.0], [-3e38, 1.0], [-3e38, 2.0]]
    pq.write_table(pa.table({"id": [1, 2, 3], "embedding": pa.array(rows, pa.list_(pa.float32()))}), path)
    assert run(spark, "topk", "--embeddings", path, "--output", tmp_path / "out", "--center") == 2
    assert "1 row whose vector the correction makes too large for its type (such as id 1)" in capsys.readouterr().err


@pytest.mark.slow
def test_a_correction_that_does_not_fit_is_refused_before_the_work(
    spark: Any, twice: tuple[str, str], tmp_path: Path, capsys: Any
) -> None:
    narrow = tmp_path / "narrow.parquet"
    pq.write_table(pa.table({"id": range(5), "embedding": np.eye(5, 3).tolist()}), narrow)
    flags = ["topk", "--embeddings", narrow, "--output", tmp_path / "out"]
    assert run(spark, *flags, "--whiten", 4) == 2
    assert "whiten-4 needs 4 components, but the vectors are 3 wide" in capsys.readouterr().err
    assert run(spark, "topk", "--embeddings", twice[0], "--output", tmp_path / "near", "--center", "--k", 1) == 0
    assert run(spark, *flags, "--correction", tmp_path / "near") == 2
    assert "are 3 wide, and correction center was fit on vectors 8 wide" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
