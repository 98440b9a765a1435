"""Fits a correction on a table of any size, and stores it in a small file beside a result.

The correction of a table is the same, to the last bit, for every order of its rows and every partitioning
(``exact_sums``).
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from elmo_udf.errors import UserError
from elmo_udf.options import CorrectionOptions
from elmo_udf.similarity.blocks.threads import task_threads
from elmo_udf.similarity.blocks.writer import examine
from elmo_udf.similarity.kernels.correction import Correction, Moments, fit_correction
from elmo_udf.similarity.kernels.exact_sums import Bounds, ExactSums, Grid
from elmo_udf.spark import changes, files
from elmo_udf.spark.fetch import fetcher
from elmo_udf.spark.inputs.batches import map_batches

CORRECTION = "_correction.npz"
"""Name of the file in the folder of a result. Programs that read Parquet skip it because of its underscore."""

VectorsOf = Callable[[pa.RecordBatch], Mapping[Any, np.ndarray]]
"""A function that returns the vectors of a batch of rows, (n, D) each, by a name."""


def fit_on_table(table: DataFrame, options: CorrectionOptions, what: str) -> Correction | None:
    """Returns the requested correction, fitted on the columns ``id`` and ``embedding`` of a table, or None.

    Rows without a finite vector are ignored; the comparison refuses them later. ``what`` names the table in messages.
    Raises UserError if the table has no vectors, vectors of several widths, or too few vectors for the correction.
    """
    if options.correction_name == "none":
        return None
    found = exact_moments(table.select("id", "embedding"), _by_width)
    if not found:
        raise UserError(f"{what} has no vectors, expected at least two to fit {options.correction_name} on")
    if len(found) > 1:
        widths = ", ".join(f"{one.n:,} of width {width}" for width, one in sorted(found.items()))
        raise UserError(f"{what} has vectors of different widths: {widths}; expected one width; leave the others out")
    (moments,) = found.values()
    return fit_correction(moments, options)


def exact_moments(table: DataFrame, vectors_of: VectorsOf) -> dict[Any, Moments]:
    """Returns the exact moments of all vectors of a table by their name. Names without a vector are left out.

    It reads the table twice, first for the bounds of the values and then for the sums. Each task sums its rows (two
    int64 for each of the D² entries of a name, for any number of rows), and the executors merge the sums.
    """
    bounds = _summed(table, vectors_of, lambda name, vectors: Bounds.of(vectors))
    grids = {name: Grid.of(one) for name, one in bounds.items()}
    sums = _summed(table, vectors_of, lambda name, vectors: ExactSums.of(vectors, grids[name]))
    return {name: total.moments(grids[name]) for name, total in sums.items()}


def _summed(table: DataFrame, vectors_of: VectorsOf, part_of: Callable[[Any, np.ndarray], Any]) -> dict[Any, Any]:
    """Returns the sum of ``part_of`` for each name and its vectors, over all batches of the table."""

    def partials(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sums: dict[Any, Any] = {}
        with task_threads():
            for batch in batches:
                filled = ((name, vectors) for name, vectors in vectors_of(batch).items() if len(vectors))
                sums = _merged(sums, {name: part_of(name, vectors) for name, vectors in filled})
        for name, total in sums.items():
            yield pa.record_batch({"sum": [pickle.dumps({name: total})]})

    rows = map_batches(table, partials, "sum binary").rdd
    found: dict[Any, Any] = rows.map(lambda row: pickle.loads(row.sum)).treeAggregate({}, _merged, _merged)
    return found


def write_correction(spark: SparkSession, correction: Correction, folder: str) -> None:
    """Writes the file CORRECTION to the folder of a result that is being made."""
    changes.write_bytes(spark, f"{folder}/{CORRECTION}", correction.to_bytes())


def read_correction(spark: SparkSession, path: str) -> Correction:
    """Returns the correction in a file, or in the folder of a result. Raises UserError if there is none."""
    if files.exists(spark, f"{path}/{CORRECTION}"):
        path = f"{path}/{CORRECTION}"
    if not path.endswith(".npz") or not files.exists(spark, path):
        raise UserError(
            f"correction {path!r} does not exist, expected a file {CORRECTION} or the folder of a result that was made "
            "with --center, --remove-components or --whiten; check the path"
        )
    return Correction.from_bytes(fetcher(spark)(path).read_bytes(), path)


def _by_width(batch: pa.RecordBatch) -> dict[int, np.ndarray]:
    """Returns the finite vectors of a batch with the columns id and embedding, by their width."""
    widths, problems = examine(batch.column("id"), batch.column("embedding"))
    found = {}
    for width in np.unique(widths[problems == ""]):
        rows = batch.column("embedding").filter(pa.array((problems == "") & (widths == width)))
        found[int(width)] = rows.flatten().to_numpy().reshape(-1, width)
    return found


def _merged(left: dict[Any, Any], right: dict[Any, Any]) -> dict[Any, Any]:
    """Returns the sums of both, added under the same names."""
    both = {name: left[name] + right[name] for name in left.keys() & right.keys()}
    return {**left, **right, **both}
