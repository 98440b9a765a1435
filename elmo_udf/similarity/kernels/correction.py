"""Corrections against anisotropy, where all vectors point in similar directions.

All vectors that a language model computes for texts have a large part in common, so even unrelated texts have a high
cosine. *center* subtracts the mean. *remove n* also removes the first n principal components (Mu and Viswanath 2018,
"All-but-the-top", arXiv 1702.01417). *whiten d* projects onto the first d components and scales each to variance 1 (Su
et al. 2021, "Whitening sentence representations", arXiv 2103.15316). This module fits them on an array with plain
numpy; :mod:`elmo_udf.similarity.joins.fit` fits them on a table of any size.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from elmo_udf import npz
from elmo_udf.errors import LaterFormat, UserError
from elmo_udf.formats import check_format, numbered
from elmo_udf.options import CorrectionOptions

FORMAT = 1
_PRODUCT_ROWS = 256
_LOST = 1e-12
_UNREADABLE = (
    *(OSError, EOFError, LookupError, ValueError, TypeError, ArithmeticError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What numpy and zipfile raise for foreign, damaged and encrypted files, and for headers that claim too much."""


@dataclass(frozen=True, eq=False)
class Moments:
    """The count, the mean and the scatter of some vectors, which suffice for every correction.

    Attributes:
        mean: The mean, (D,) float64.
        scatter: Σ (x − mean)(x − mean)ᵀ, (D, D) float64.
    """

    n: int
    mean: np.ndarray
    scatter: np.ndarray

    @property
    def width(self) -> int:
        """The number of values in a vector."""
        return len(self.mean)


@dataclass(frozen=True, eq=False)
class Correction:
    """What is done to vectors before they are compared.

    Attributes:
        name: The correction, ``center``, ``remove-N`` or ``whiten-D``.
        mean: What is subtracted, (D,) float64.
        components: Orthonormal rows, (k, D) float64, those with the largest variance first. ``center`` has none.
        deviations: The standard deviation along each component, (k,) float64.
        n: The number of vectors that the correction was fit on.
    """

    name: str
    mean: np.ndarray
    components: np.ndarray
    deviations: np.ndarray
    n: int

    @property
    def width(self) -> int:
        """The number of values in a corrected vector, D'."""
        return len(self.components) if self._whitens else len(self.mean)

    @property
    def _whitens(self) -> bool:
        return self.name.startswith("whiten")

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        """Returns the corrected rows, (n, D) -> (n, D'), in the same type; they are computed in float64.

        The result for a row depends on this row alone. A vector becomes zero if only rounding errors remain of it, and
        a value that is too large for the type becomes infinite. Raises UserError if the width is another one.
        """
        if vectors.shape[1] != len(self.mean):
            raise UserError(
                f"correction {self.name} was fit on vectors of width {len(self.mean)}, but these are "
                f"{vectors.shape[1]} wide; expected equal widths; use the file of this table's own result"
            )
        corrected = np.empty((len(vectors), self.width), vectors.dtype)
        for start in range(0, len(vectors), _PRODUCT_ROWS):
            part = vectors[start : start + _PRODUCT_ROWS]
            with np.errstate(over="ignore"):  # what is too large for the type becomes infinite
                corrected[start : start + len(part)] = self._applied(part)
        return corrected

    def _applied(self, vectors: np.ndarray) -> np.ndarray:
        """Returns up to _PRODUCT_ROWS corrected rows, float64.

        Products always have the same shape, because BLAS rounds depending on it.
        """
        result = np.zeros((_PRODUCT_ROWS, len(self.mean)))
        result[: len(vectors)] = vectors
        sizes = np.maximum(np.abs(result).max(axis=1), np.abs(self.mean).max())  # squares could overflow, or vanish
        result -= self.mean
        if self._whitens:
            result = result @ self.components.T  # (n, D) -> (n, d)
        elif len(self.components):
            result -= result @ self.components.T @ self.components
        result[np.abs(result).max(axis=1) <= _LOST * sizes] = 0
        return (result / self.deviations if self._whitens else result)[: len(vectors)]

    def to_bytes(self) -> bytes:
        """Returns the content of an .npz file."""
        file = io.BytesIO()
        arrays = {"mean": self.mean, "components": self.components, "deviations": self.deviations}
        npz.write(file, {**numbered(FORMAT), "name": self.name, "n": self.n, **arrays})
        return file.getvalue()

    @staticmethod
    def from_bytes(content: bytes, source: str) -> Correction:
        """Returns the correction in the content of a file. Raises UserError, which names ``source``, if it has none."""
        try:
            file = npz.read(io.BytesIO(content))
            entries = {name: file[name].item() for name in numbered(FORMAT) if name in file}
            check_format(entries, FORMAT, f"correction file {source!r}")
            mean, components, deviations = (_numbers(file, name) for name in ("mean", "components", "deviations"))
            return _checked(Correction(str(file["name"]), mean, components, deviations, int(file["n"])))
        except LaterFormat:
            raise
        except _UNREADABLE as error:
            raise UserError(
                f"correction file {source!r} can't be read ({error}), expected one that this program wrote beside a "
                "result; write it again"
            ) from None


def _numbers(file: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    values = file[name]
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        raise ValueError(f"{name} is not of finite floating-point numbers")
    return values.astype(np.float64)


def _checked(correction: Correction) -> Correction:
    """Returns the correction. Raises ValueError if its parts do not belong together."""
    kind, _, number = correction.name.partition("-")
    k = 0 if correction.name == "center" else int(number)
    if kind not in ("center", "remove", "whiten") or correction.n < 2:
        raise ValueError(f"name is {correction.name!r} and n is {correction.n}")
    width = correction.mean.size
    shapes = [part.shape for part in (correction.mean, correction.components, correction.deviations)]
    if shapes != [(width,), (k, width), (k,)]:
        raise ValueError(f"the shapes of mean, components and deviations are {shapes}")
    if not (correction.deviations > 0).all():
        raise ValueError("deviations are not all positive")
    return correction


def fit_correction(moments: Moments, options: CorrectionOptions) -> Correction | None:
    """Returns the requested correction, fitted from the moments of a table's vectors, or None if none is requested.

    Raises UserError if the vectors do not have as many directions as it needs.
    """
    name = options.correction_name
    if name == "none":
        return None
    if moments.n < 2:
        raise UserError(
            f"correction {name} can't be fitted on {moments.n} vector, expected at least 2; leave out the correction"
        )
    check_correction(options, moments.width)
    components, variances = _principal(moments, options.remove_components or options.whiten or 0, name)
    return Correction(name, moments.mean, components, np.sqrt(variances), moments.n)


def check_correction(options: CorrectionOptions, width: int) -> None:
    """Raises UserError, before any work, if a correction needs more components than vectors of this width have."""
    n_components = options.remove_components or options.whiten or 0
    if n_components > width:
        name = options.correction_name
        raise UserError(
            f"correction {name} needs {n_components} components, but the vectors are {width} wide; use at most {width}"
        )


def _principal(moments: Moments, n: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first n principal components (n, D), and their variances (n,).

    The largest value of each component is positive.
    """
    from scipy.linalg import eigh

    width = moments.width
    if n == 0:
        return np.empty((0, width)), np.empty(0)
    covariance = moments.scatter / (moments.n - 1)
    if not np.isfinite(covariance).all():
        raise UserError(
            f"correction {name} needs squares of the values of vectors, and these are too large for float64; "
            "expected magnitudes below 1e150; multiply the vectors by a small number"
        )
    variances, columns = eigh(covariance, subset_by_index=[width - n, width - 1])
    variances, rows = variances[::-1], columns.T[::-1]
    n_found = int((variances > width * np.finfo(np.float64).eps * variances[0]).sum())
    if n_found < n:
        raise UserError(
            f"correction {name} needs {n} directions in which the vectors differ, but the {moments.n} vectors have "
            "only "
            f"{n_found}; use at most {n_found}, or more vectors"
        )
    largest = np.abs(rows).argmax(axis=1)
    return rows * np.sign(rows[np.arange(n), largest])[:, None], variances
