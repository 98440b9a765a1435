"""Pictures: the file, and the order of its rows."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from elmo_udf.plots import heatmap, side_by_side, training
from elmo_udf.plots.figure import save
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
    assert 500 <= height <= 1500 and 500 <= width <= 1800
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20
    edges = np.concatenate([pixels[:4, :, :3].ravel(), pixels[-4:, :, :3].ravel(), pixels[:, :4, :3].ravel()])
    assert (edges == 1).all(), "nothing is cut off at the border"
    assert (tmp_path / "picture.png").stat().st_size < 300_000  # with long names on both axes


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


@pytest.mark.parametrize("highest", [110, 15_000], ids=["one decade", "several decades"])
def test_labels_of_perplexities_do_not_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, highest: int) -> None:
    rows = [
        {"tokens": 1e6 * i, "sampled_loss_forward": 4.0, "sampled_loss_backward": 4.1}
        | {f"perplexity_{direction}": 70 + (highest - 70) / (i + 1) ** 2 for direction in ("forward", "backward")}
        for i in range(12)
    ]
    (figure,) = figures(monkeypatch, training, lambda: training.training_curve(rows, tmp_path / "t.png", "A title"))
    labels = [label for label in figure.axes[0].get_yticklabels() if label.get_text()]
    low, high = figure.axes[0].get_ylim()
    places = sorted((label.get_window_extent() for label in labels), key=lambda box: box.y0)
    assert len([tick for tick in figure.axes[0].get_yticks() if low <= tick <= high]) >= 3
    assert all(below.y1 < above.y0 for below, above in itertools.pairwise(places))


@pytest.mark.parametrize("n", [5, 30], ids=["small", "large"])
def test_both_matrices_have_names_on_both_axes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    cosines, _ = clustered(n, 2)
    names = [f"name {i}" for i in range(n)]
    panels = [side_by_side.Panel(title, cosines) for title in ("Left", "Right")]
    (figure,) = figures(
        monkeypatch, side_by_side, lambda: side_by_side.side_by_side(names, *panels, tmp_path / "s.png", "A title")
    )
    order = similar_side_by_side(cosines)
    for axes in figure.axes[:2]:
        for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
            assert [label.get_text() for label in labels] == [names[place] for place in order]
        in_cells = [text.get_text() for text in axes.texts]
        in_order = cosines[np.ix_(order, order)]
        shown = [round(in_order[i, j], 2) for i in range(n) for j in range(n) if i != j] if n == 5 else []
        assert [float(text) for text in in_cells] == shown


def test_a_heatmap_has_names_on_both_axes_and_numbers_in_small_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cosines, _ = clustered(4, 2)
    names = ["a", "b", "c", "d"]
    (figure,) = figures(monkeypatch, heatmap, lambda: similarity_heatmap(names, cosines, tmp_path / "h.png", "A title"))
    order = similar_side_by_side(cosines)
    axes = figure.axes[0]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == [names[place] for place in order]
    assert len(axes.texts) == 16 and "-0.00" not in [text.get_text() for text in axes.texts]


def figures(monkeypatch: pytest.MonkeyPatch, module: ModuleType, draw: Callable[[], None]) -> list[Any]:
    """The figures that a call draws with the functions of a module."""
    made: list[Any] = []

    def save_and_keep(figure: Any, path: Path) -> None:
        save(figure, path)
        made.append(figure)

    monkeypatch.setattr(module, "save", save_and_keep)
    draw()
    return made
