"""Computes the exact cosines of arrays that users pass."""

from __future__ import annotations

import numpy as np

from elmo_udf.errors import UserError
from elmo_udf.similarity.kernels.cosine import Rows, cosine_of, exact_block, scale_rows


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Returns the cosine of every row of ``left`` (A, D) with every row of ``right`` (B, D): float64, (A, B).

    They are rounded to 1e-6, as in the tables. Raises UserError if a row has no cosine, or if the widths differ.
    """
    rows = [_rows(vectors) for vectors in (left, right)]
    widths = {one.width for one in rows}
    if len(widths) > 1:
        raise UserError(f"vectors are {rows[0].width} and {rows[1].width} wide, expected one width; use one layer")
    return cosine_of(exact_block(*rows))


def _rows(vectors: np.ndarray) -> Rows:
    if vectors.ndim != 2:
        raise UserError(f"vectors have the shape {vectors.shape}, expected (number of vectors, width)")
    bad = ~np.isfinite(vectors).all(axis=1) | ~vectors.any(axis=1)
    if bad.any():
        i = int(bad.argmax())
        raise UserError(f"vector {i} (counted from 0) is zero or not finite, so it has no cosine; leave it out")
    return Rows.of(scale_rows(vectors.astype(np.float64))) if len(vectors) else Rows(vectors, np.empty(0))
