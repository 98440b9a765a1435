"""Pictures: the file, and the order of its rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from elmo_udf.plots.heatmap import MAX_LABEL_CHARACTERS, alike, shortened, similar_side_by_side, similarity_heatmap
from elmo_udf.plots.histogram import cosine_histogram


def clustered(n: int, n_clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines (n, n) of unit vectors in shuffled clusters, and the cluster (n,) of each."""
    random = np.random.default_rng(0)
    cluster = random.permutation(np.arange(n) % n_clusters)
    vectors = np.eye(n_clusters, 16)[cluster] + 0.05 * random.standard_normal((n, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors @ vectors.T, cluster


@pytest.mark.parametrize("n", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (40, 200))])
def test_picture_has_labels_and_colours(tmp_path: Path, n: int) -> None:
    cosines, _ = clustered(n, 2)
    names = [f"a.rather.long.module.with.a.rather.long.name.{i}" for i in range(n)]
    similarity_heatmap(names, cosines, tmp_path / "picture.png", "A title")
    pixels = imread(tmp_path / "picture.png")
    height, width, _ = pixels.shape
    assert 500 <= height <= 1500 and 800 <= width <= 1800
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20
    edges = np.concatenate([pixels[:4, :, :3].ravel(), pixels[-4:, :, :3].ravel(), pixels[:, :4, :3].ravel()])
    assert (edges == 1).all(), "nothing is cut off at the border"
    assert (tmp_path / "picture.png").stat().st_size < 200_000


def test_a_matrix_of_two_tables_has_names_on_both_sides(tmp_path: Path) -> None:
    cosines, cluster = clustered(30, 3)
    part = cosines[:, :12]
    similarity_heatmap([f"row {i}" for i in range(30)], part, tmp_path / "two.png", "Two", [f"c{i}" for i in range(12)])
    assert imread(tmp_path / "two.png").shape[0] > 400
    order = alike(part)
    assert sorted(order) == list(range(30)) and (np.diff(cluster[order]) != 0).sum() == 2


@pytest.mark.parametrize("extra", [{}, {"threshold": 0.5}, {"kept": True}])
def test_histogram(tmp_path: Path, extra: dict[str, object]) -> None:
    edges = np.linspace(-1, 1, 2001)
    counts = np.histogram(np.random.default_rng(0).normal(0.3, 0.1, 100_000), edges)[0]
    if extra.get("kept"):
        extra = {"kept": ("of the nearest", np.where(edges[:-1] > 0.55, counts, 0))}
    cosine_histogram(edges, counts, tmp_path / "h.png", "Cosines", **extra)  # type: ignore[arg-type]
    pixels = imread(tmp_path / "h.png")
    assert 400 <= pixels.shape[0] <= 700 and 700 <= pixels.shape[1] <= 1100
    assert (pixels[:4, :, :3] == 1).all() and len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20
    cosine_histogram(edges, np.zeros(2000), tmp_path / "none.png", "No pairs")


def test_clusters_come_side_by_side() -> None:
    cosines, cluster = clustered(40, 8)
    order = similar_side_by_side(cosines)
    assert sorted(order) == list(range(40))
    assert (np.diff(cluster[order]) != 0).sum() == 7  # 8 clusters, each in one piece
    assert (np.diff(cluster) != 0).sum() > 7


def test_labels_are_shortened_in_the_middle() -> None:
    assert shortened("json.dumps") == "json.dumps"
    long = "begin" + 50 * "x" + "end"
    assert shortened(long).startswith("begin") and shortened(long).endswith("end")
    assert len(shortened(long)) <= MAX_LABEL_CHARACTERS


def test_matplotlib_waits_until_a_picture_is_drawn() -> None:
    code = "import sys, elmo_udf.plots.heatmap; sys.exit(any(m in sys.modules for m in ('matplotlib', 'scipy')))"
    subprocess.run([sys.executable, "-c", code], check=True)
