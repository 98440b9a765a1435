"""Corrections against anisotropy: vectors that all point in about the same direction are spread out again.

Vectors of texts by a language model share a large common part, so that unrelated texts have a high cosine. *center*
subtracts the mean; *remove n* also takes away what lies along the first n principal components (Mu and Viswanath 2018,
"All-but-the-top", arXiv 1702.01417); *whiten d* projects onto the first d components, each scaled to variance 1
(Su et al. 2021, "Whitening sentence representations", arXiv 2103.15316). Plain numpy: what is fit here on a batch is
fit on a table of any size by :mod:`elmo_udf.similarity.joins.fit`.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

import numpy as np

from elmo_udf import npz
from elmo_udf.errors import LaterFormat, UserError
from elmo_udf.formats import check_format, numbered
from elmo_udf.options import CorrectionOptions

FORMAT = 1
_PRODUCT_ROWS = 256
_LOST = 1e-12


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and scatter of some vectors: enough for every correction.

    mean: (D,) float64. scatter: (D, D) float64, Σ (x − mean)(x − mean)ᵀ.
    """

    n: int
    mean: np.ndarray
    scatter: np.ndarray

    @property
    def width(self) -> int:
        """Values in a vector."""
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
        """Values of a corrected vector, D'."""
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
                f"correction {self.name} was fit on vectors of width {len(self.mean)}, and these are "
                f"{vectors.shape[1]} wide; expected equal widths; use the file of this table's own result"
            )
        corrected = np.empty((len(vectors), self.width), vectors.dtype)
        for start in range(0, len(vectors), _PRODUCT_ROWS):
            part = vectors[start : start + _PRODUCT_ROWS]
            with np.errstate(over="ignore"):  # what is too large for the type becomes infinite
                corrected[start : start + len(part)] = self._applied(part)
        return corrected

    def _applied(self, vectors: np.ndarray) -> np.ndarray:
        """Up to _PRODUCT_ROWS rows, float64. Products always have the same shape: BLAS rounds by it."""
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
        """The content of an .npz file."""
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
            arrays = (file["mean"], file["components"], file["deviations"])
            return Correction(str(file["name"]), *arrays, n=int(file["n"]))
        except LaterFormat:
            raise
        except (OSError, EOFError, zipfile.BadZipFile, KeyError, ValueError) as error:
            raise UserError(
                f"correction file {source!r} can't be read ({error}), expected one that this program wrote beside a "
                "result; write it again"
            ) from None


def fit_correction(moments: Moments, options: CorrectionOptions) -> Correction | None:
    """The correction that the options ask for, from the moments of a table's vectors; None where they ask for none.

    Raises UserError where the vectors do not have as many directions as it needs.
    """
    name = options.correction_name
    if name == "none":
        return None
    if moments.n < 2:
        raise UserError(f"correction {name} was asked for {moments.n} vector, expected at least 2; leave it out")
    check_correction(options, moments.width)
    components, variances = _principal(moments, options.remove_components or options.whiten or 0, name)
    return Correction(name, moments.mean, components, np.sqrt(variances), moments.n)


def check_correction(options: CorrectionOptions, width: int) -> None:
    """Refuse a correction that needs more components than vectors of this width have (UserError): before any work."""
    n_components = options.remove_components or options.whiten or 0
    if n_components > width:
        name = options.correction_name
        raise UserError(
            f"correction {name} needs {n_components} components, and vectors are {width} wide; give at most {width}"
        )


def _principal(moments: Moments, n: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The first n principal components, (n, D) with the largest value of each positive, and their variances (n,)."""
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
            f"correction {name} needs {n} directions in which the vectors differ, and the {moments.n} vectors have "
            f"{n_found}; give at most {n_found}, or more vectors"
        )
    largest = np.abs(rows).argmax(axis=1)
    return rows * np.sign(rows[np.arange(n), largest])[:, None], variances
