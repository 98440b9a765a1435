"""Computes numbers for pairs from the vectors of their texts: cosines in several views, or products of layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.embedding.layout import View
from elmo_udf.similarity.joins.fit import exact_moments
from elmo_udf.similarity.kernels.correction import Correction, Moments
from elmo_udf.similarity.kernels.cosine import Rows, scale_rows

OfPair = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""A function from rows (n, W) of the first and of the second texts to numbers (n, M) float64."""

_CHUNK_ROWS = 1024


def moments_of_views(texts: DataFrame, row_width: int, views: Sequence[View]) -> dict[str, Moments]:
    """Returns the moments over the texts (key, vectors) in each view, by the view's name."""

    def vectors_of(batch: pa.RecordBatch) -> dict[str, np.ndarray]:
        rows = _rows(batch.column(0), row_width)
        return {view.name: view.of(rows) for view in views}

    return exact_moments(texts.select("vectors"), vectors_of)


def over_pairs(
    pairs: DataFrame, texts: DataFrame, carried: Sequence[str], row_width: int, of_pair: OfPair
) -> DataFrame:
    """Returns the columns ``carried`` and ``values`` (array<double>) of the pairs whose texts both have vectors."""
    sides = [
        texts.select(F.col("key").alias(f"key_{side}"), F.col("vectors").alias(f"vectors_{side}")) for side in "ab"
    ]
    joined = pairs.join(sides[0], "key_a").join(sides[1], "key_b").select(*carried, "vectors_a", "vectors_b")
    schema = T.StructType([joined.schema[name] for name in carried]).add("values", T.ArrayType(T.DoubleType()))

    def compute(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for whole in batches:
            for start in range(0, len(whole), _CHUNK_ROWS):
                batch = whole.slice(start, _CHUNK_ROWS)
                rows = [_rows(batch.column(f"vectors_{side}"), row_width) for side in "ab"]
                values = of_pair(*rows)  # (n, M)
                offsets = pa.array(np.arange(len(batch) + 1, dtype=np.int32) * values.shape[1])
                column = pa.ListArray.from_arrays(offsets, pa.array(values.ravel()))
                names = [*carried, "values"]
                yield pa.RecordBatch.from_arrays([*(batch.column(n) for n in carried), column], names=names)

    return joined.mapInArrow(compute, schema)


def cosines_of(views: Sequence[tuple[View, Correction | None]]) -> OfPair:
    """Returns a function for the cosines of the pairs in each corrected view.

    The cosines are (n, M) float64, not rounded, with NaN if a vector is zero. (Without a correction they may differ
    only in the third decimal, and rounding would change a correlation.)
    """

    def of_pair(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        columns = []
        for view, correction in views:
            sides = [view.of(rows) for rows in (left, right)]
            columns.append(cosines(*(correction.apply(rows) if correction else rows for rows in sides)))
        return np.stack(columns, axis=1)

    return of_pair


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Returns the cosine of each pair of rows: (n, D) and (n, D) to (n,) float64, with NaN if one is zero."""
    found = np.full(len(left), np.nan)
    fit = np.flatnonzero(left.any(axis=1) & right.any(axis=1))
    if len(fit):
        a, b = (Rows.of(scale_rows(rows[fit])) for rows in (left, right))
        products = a.values.astype(np.float64) * b.values
        found[fit] = np.clip(products.sum(axis=1) / (a.norms * b.norms), -1.0, 1.0)
    return found


def products_of(views: Sequence[View], means: Mapping[str, np.ndarray]) -> OfPair:
    """Returns a function for all products of the views of a pair's texts, minus their means: (n, 3 · J · J) float64.

    These are the products of the first text's views with the second's, of the first's with each other, and of the
    second's.
    """

    def of_pair(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        a, b = (
            np.stack([view.of(rows).astype(np.float64) - means.get(view.name, 0.0) for view in views], axis=1)
            for rows in (left, right)
        )  # (n, J, D)
        products = [np.einsum("njd,nkd->njk", x, y) for x, y in ((a, b), (a, a), (b, b))]
        return np.concatenate([p.reshape(len(left), -1) for p in products], axis=1)

    return of_pair


def _rows(vectors: pa.Array, row_width: int) -> np.ndarray:
    """Returns (n, row_width) float32 from float32 bytes."""
    return np.frombuffer(b"".join(vectors.to_pylist()), np.float32).reshape(-1, row_width)
