"""Corrections against anisotropy, against scikit-learn's PCA and plain numpy; fit on a table in pieces as in one."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from sklearn.decomposition import PCA

from elmo_udf.options import CorrectionOptions
from elmo_udf.similarity.joins.fit import CORRECTION, fit_on_table, read_correction, write_correction
from elmo_udf.similarity.kernels.correction import Correction, Moments, check_correction, fit_correction
from elmo_udf.similarity.kernels.exact_sums import Bounds, ExactSums, Grid, moments_of
from tests.refusals import refused


def anisotropic(n: int = 300, width: int = 12) -> np.ndarray:
    """Vectors (n, width) float64 with a large common part and unequal variances."""
    random = np.random.default_rng(5)
    return random.standard_normal((n, width)) * np.linspace(3, 0.2, width) @ random.standard_normal((width, width)) + 7


def fit(vectors: np.ndarray, **options: object) -> Correction:
    found = fit_correction(plain_moments(vectors), CorrectionOptions(**options))  # type: ignore[arg-type]
    assert found is not None
    return found


def plain_moments(vectors: np.ndarray) -> Moments:
    """By numpy, in float64."""
    centered = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    return Moments(len(vectors), vectors.mean(axis=0, dtype=np.float64), centered.T @ centered)


def test_moments_far_from_zero_keep_their_digits() -> None:
    """Σ x² − n·mean² would have no digit left: values of 10⁸ with a deviation of 1."""
    near = anisotropic(4000)
    far = moments_of(near + 1e8)
    np.testing.assert_allclose(far.scatter, plain_moments(near).scatter, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(moments_of(near).scatter, plain_moments(near).scatter, rtol=1e-10, atol=1e-7)
    assert not moments_of(np.full((3, 2), 7.0)).scatter.any()  # equal vectors


def test_center() -> None:
    vectors = anisotropic()
    corrected = fit(vectors, center=True).apply(vectors)
    np.testing.assert_allclose(corrected, vectors - vectors.mean(axis=0), atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_components_are_taken_away_as_the_paper_says(n: int) -> None:
    """Mu and Viswanath 2018, algorithm 1: v' = ṽ − Σᵢ (uᵢᵀ ṽ) uᵢ with the components uᵢ of a PCA."""
    vectors = anisotropic()
    components = PCA().fit(vectors).components_[:n]
    expected = []
    for vector in vectors - vectors.mean(axis=0):
        expected.append(vector - sum((u @ vector) * u for u in components))
    np.testing.assert_allclose(fit(vectors, remove_components=n).apply(vectors), expected, atol=1e-9)


@pytest.mark.parametrize("d", [1, 4, 12])
def test_whitened_as_by_scikit_learn(d: int) -> None:
    vectors = anisotropic()
    correction = fit(vectors, whiten=d)
    found, expected = correction.apply(vectors), PCA(n_components=d, whiten=True).fit_transform(vectors)
    assert correction.width == found.shape[1] == d
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found * signs, expected, atol=1e-9)
    np.testing.assert_allclose(np.cov(found.T), np.eye(d) if d > 1 else 1, atol=1e-9)


def test_type_of_the_vectors_stays() -> None:
    vectors = anisotropic().astype(np.float32)
    correction = fit(vectors, remove_components=2)
    assert correction.apply(vectors).dtype == np.float32
    np.testing.assert_allclose(correction.apply(vectors), correction.apply(vectors.astype(np.float64)), atol=1e-5)


def test_none_is_no_correction() -> None:
    assert fit_correction(plain_moments(anisotropic()), CorrectionOptions()) is None


@pytest.mark.parametrize("options", [{"center": True}, {"remove_components": 2}, {"whiten": 3}])
def test_file(options: dict[str, object]) -> None:
    vectors = anisotropic()
    correction = fit(vectors, **options)
    again = Correction.from_bytes(correction.to_bytes(), "file")
    assert (again.name, again.n, again.width) == (correction.name, 300, correction.width)
    np.testing.assert_array_equal(again.apply(vectors), correction.apply(vectors))


def changed(**arrays: object) -> bytes:
    """The content of a file of ``whiten-3`` with other arrays in it."""
    with np.load(io.BytesIO(fit(anisotropic(), whiten=3).to_bytes())) as file:
        parts = dict(file) | arrays
    content = io.BytesIO()
    np.savez(content, **parts)
    return content.getvalue()


def claiming(shape: tuple[int, ...]) -> bytes:
    """The content of a file whose mean is said to have this shape, and has no values."""
    header, content = io.BytesIO(), io.BytesIO(changed())
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
    names = zipfile.ZipFile(content).namelist()
    found = {name: zipfile.ZipFile(content).read(name) for name in names} | {"mean.npy": header.getvalue()}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in found.items():
            archive.writestr(name, data)
    return made.getvalue()


def encrypted() -> bytes:
    """The content of a file whose entries are said to be encrypted."""
    content = bytearray(changed())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := content.find(mark, start + 1)) >= 0:
            content[start + place] |= 1
    return bytes(content)


FOREIGN = {
    "nothing": b"",
    "text": b"not an archive",
    "cut off": changed()[:500],
    "encrypted": encrypted(),
    "terabytes": claiming((1 << 45,)),
    "more than all": claiming((1 << 62, 1 << 62)),
    "strings": changed(mean=np.array(["a"] * 12)),
    "integers": changed(mean=np.arange(12)),
    "complex numbers": changed(mean=np.zeros(12, complex)),
    "NaN": changed(mean=np.full(12, np.nan)),
    "infinity": changed(deviations=np.array([1, np.inf, 1])),
    "a deviation of zero": changed(deviations=np.zeros(3)),
    "another width": changed(mean=np.zeros(11)),
    "a matrix": changed(mean=np.zeros((3, 4))),
    "other components": changed(components=np.zeros((2, 12))),
    "another name": changed(name="rotate-3"),
    "a name without a number": changed(name="whiten-x"),
    "a negative count": changed(n=-1),
    "a list of counts": changed(n=np.arange(3)),
    "a format in words": changed(format="one"),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_foreign_and_damaged_files_are_one_line(content: bytes) -> None:
    with refused("correction file 'c.npz' can't be read (", "expected one that this program wrote"):
        Correction.from_bytes(content, "c.npz")


@pytest.mark.parametrize("kind", ["<f4", ">f8"])
def test_other_floating_point_numbers_are_read(kind: str) -> None:
    mean = np.arange(12.0)
    assert (Correction.from_bytes(changed(mean=mean.astype(kind)), "c.npz").mean == mean).all()


@pytest.mark.parametrize("options", [{"center": True}, {"remove_components": 3}, {"whiten": 20}])
def test_a_row_is_corrected_as_if_it_were_alone(options: dict[str, object]) -> None:
    """To the last bit, whatever rows are beside it: blocks are cut differently in every run."""
    vectors = anisotropic(700, 40).astype(np.float32)
    correction = fit(vectors, **options)
    whole = correction.apply(vectors)
    for part in (slice(3, 4), slice(100, 371), slice(255, 700)):
        assert np.array_equal(correction.apply(vectors[part]), whole[part])


def test_of_what_is_taken_away_nothing_remains() -> None:
    """Not rounding errors, which would have a direction like any vector."""
    vectors = np.repeat([[0.1, 0.7, 0.3]], 3, axis=0)
    assert not fit(vectors, center=True).apply(vectors).any()
    plane = anisotropic(50, 2) @ np.random.default_rng(2).standard_normal((2, 5))  # they differ in two directions only
    assert not fit(plane, remove_components=2).apply(plane).any()
    assert fit(plane, remove_components=1).apply(plane).any(axis=1).all()


def test_large_and_small_values_have_a_direction() -> None:
    """Squares of these would overflow or vanish."""
    for size in (0.5e308, 1e200, 1e-200):
        center = Correction("center", size * np.array([1.0, 0.0]), np.empty((0, 2)), np.empty(0), 2)
        np.testing.assert_allclose(center.apply(size * np.array([[3.0, 0.5]])), size * np.array([[2.0, 0.5]]))
    center = Correction("center", np.array([1e38, 0.0]), np.empty((0, 2)), np.empty(0), 2)
    assert center.apply(np.array([[-3e38, 1.0]], np.float32)).tolist() == [[-np.inf, 1.0]]


def test_sums_do_not_depend_on_the_order_or_the_pieces() -> None:
    """Whole numbers, compared with Python's own; then as moments, with those of plain float64."""
    vectors = anisotropic(5000, 7).astype(np.float32)  # more than one chunk
    bounds = [Bounds.of(part) for part in np.split(vectors, [1, 3, 2900])]
    grid = Grid.of(bounds[3] + (bounds[0] + bounds[2]) + bounds[1])
    whole = ExactSums.of(vectors, grid)
    pieces = [ExactSums.of(part, grid) for part in np.split(vectors[::-1], [1, 3, 2900])]
    mixed = pieces[2] + pieces[0] + (pieces[3] + pieces[1])
    assert np.array_equal(mixed.products, whole.products) and np.array_equal(mixed.total, whole.total)
    steps = np.rint(np.ldexp(vectors - grid.pilot, -grid.exponent)).astype(np.int64).astype(object)
    high, low = whole.products.astype(object)
    assert (steps.T @ steps == high * 2**42 + low).all()
    expected, found = plain_moments(vectors), whole.moments(grid)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-10)
    np.testing.assert_allclose(found.scatter, expected.scatter, rtol=1e-8)
    assert found.n == 5000
    assert np.array_equal(moments_of(vectors[::-1]).scatter, found.scatter)


def test_mistakes() -> None:
    vectors = anisotropic()
    with refused("remove_components is 2 and whiten 3", "expected one of them"):
        CorrectionOptions(remove_components=2, whiten=3)
    with refused("remove_components is -1"):
        CorrectionOptions(remove_components=-1)
    with refused("whiten is 0"):
        CorrectionOptions(whiten=0)
    with refused("whiten-13 needs 13 components, but the vectors are 12 wide"):
        check_correction(CorrectionOptions(whiten=13), 12)
    with refused("whiten-13 needs 13 components"):
        fit(vectors, whiten=13)
    with refused("needs 5 directions in which the vectors differ", "have only 3; use at most 3"):
        fit(vectors[:4], whiten=5)
    with refused("remove-1 needs squares of the values", "too large for float64"):
        fit_correction(Moments(2, np.zeros(3), np.full((3, 3), np.inf)), CorrectionOptions(remove_components=1))
    with refused("1 vector, expected at least 2"):
        fit(vectors[:1], center=True)
    with refused("was fit on vectors of width 12", "11 wide"):
        fit(vectors, center=True).apply(vectors[:, :11])
    with refused("correction file 'x' can't be read"):
        Correction.from_bytes(b"PK nonsense", "x")


@pytest.mark.slow
def test_fit_on_a_table(spark: SparkSession, tmp_path: Path) -> None:
    """Any partitioning, an empty partition, rows that have no vector: as plain numpy on the good rows."""
    vectors = anisotropic(60, 5).astype(np.float32)
    rows = [(i, vector.tolist()) for i, vector in enumerate(vectors)]
    rows += [(100, None), (101, [1.0, float("nan"), 1.0, 1.0, 1.0]), (102, []), (103, [1.0, None, 1.0, 1.0, 1.0])]
    table = spark.createDataFrame(rows, "id int, embedding array<float>")
    options = CorrectionOptions(remove_components=2)
    expected, fits = fit(vectors, remove_components=2), []
    for spread in (table.coalesce(1), table.repartition(3, F.col("id") % 2)):
        found = fit_on_table(spread, options, "table 'x'")
        assert found is not None and found.n == 60
        np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-10)
        np.testing.assert_allclose(found.components, expected.components, atol=1e-8)
        fits.append(found.to_bytes())
    assert fits[0] == fits[1]  # to the last bit
    assert found is not None
    write_correction(spark, found, str(tmp_path))
    for path in (tmp_path, tmp_path / CORRECTION):
        np.testing.assert_array_equal(read_correction(spark, str(path)).apply(vectors), found.apply(vectors))
    with refused("correction", "does not exist"):
        read_correction(spark, str(tmp_path / "other"))
    with refused("table 'x' has vectors of different widths: 60 of width 5, 1 of width 6"):
        more = spark.createDataFrame([(200, [1.0] * 6)], "id int, embedding array<float>")
        fit_on_table(table.unionAll(more), options, "table 'x'")
    with refused("table 'x' has no vectors"):
        fit_on_table(table.where("id > 99"), options, "table 'x'")
    assert fit_on_table(table, CorrectionOptions(), "table 'x'") is None
