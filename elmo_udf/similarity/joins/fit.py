"""Fits a correction on a table of any size, in one pass over its products; keeps it in a small file beside a result.

The correction of a table is the same, to the last bit, whatever its order and partitions (``sums``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from elmo_udf.cleanup import afterwards
from elmo_udf.errors import UserError
from elmo_udf.options import CorrectionOptions
from elmo_udf.similarity.blocks.threads import task_threads
from elmo_udf.similarity.blocks.writer import examine
from elmo_udf.similarity.kernels.correction import Correction, Moments, fit_correction
from elmo_udf.similarity.kernels.exact_sums import ExactSums, Grid
from elmo_udf.spark import files
from elmo_udf.spark.fetch import fetcher
from elmo_udf.spark.inputs.batches import map_batches

CORRECTION = "_correction.npz"
"""Name of the file in the folder of a result; readers of Parquet skip names that begin with an underscore."""

VectorsOf = Callable[[pa.RecordBatch], Mapping[str, np.ndarray]]
"""The vectors of a batch of rows, (n, D) each, by a name."""

_PARTIAL = "name string, n long, mean binary, scatter binary"


def fit_on_table(table: DataFrame, options: CorrectionOptions, what: str) -> Correction | None:
    """The correction that the options ask for, fit on the columns ``id`` and ``embedding`` of a table; or None.

    Rows without a finite vector take no part: whoever compares them refuses them. ``what`` names the table in messages.
    Raises UserError for a table without vectors, with vectors of several widths, or with too few for the correction.
    """
    if options.correction_name == "none":
        return None
    found = _moments_by_width(table.select("id", "embedding"))
    if not found:
        raise UserError(f"{what} has no vectors, expected at least two to fit {options.correction_name} on")
    if len(found) > 1:
        widths = ", ".join(f"{one.n:,} of width {width}" for width, one in sorted(found.items()))
        raise UserError(f"{what} has vectors of different widths: {widths}; expected one width; leave the others out")
    (moments,) = found.values()
    return fit_correction(moments, options)


def _moments_by_width(table: DataFrame) -> dict[int, Moments]:
    """Exact moments of the finite vectors, by their width. Reads the table once for its largest value, once for sums.

    Each task sums its rows (D² times two int64, whatever their number), and the sums are merged on the executors.
    """
    largest = F.greatest(F.abs(F.array_max("embedding")), F.abs(F.array_min("embedding")))
    finite = table.withColumn("largest", largest).where("id IS NOT NULL AND largest < DOUBLE('Infinity')")
    bound = finite.agg(F.max("largest").alias("largest"), F.min_by("embedding", "id").alias("pilot")).collect()[0]
    if bound.largest is None:
        return {}
    pilot = np.nan_to_num(np.array(bound.pilot, np.float64))  # a NULL among its values is NaN here
    largest_value = float(bound.largest)

    def grid(width: int) -> Grid:
        return Grid.of(pilot if len(pilot) == width else np.zeros(width), largest_value)

    def partials(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sums: dict[int, ExactSums] = {}
        with task_threads():
            for batch in batches:
                for width, vectors in _by_width(batch).items():
                    part = ExactSums.of(vectors, grid(width))
                    sums[width] = sums[width] + part if width in sums else part
        for width, total in sums.items():
            yield pa.RecordBatch.from_pylist([{"width": width, "sums": total.to_bytes()}])

    rows = map_batches(table, partials, "width long, sums binary").rdd
    totals = rows.map(lambda row: {row.width: ExactSums.from_bytes(row.sums, row.width)})
    found: dict[int, ExactSums] = totals.treeAggregate({}, _merged, _merged)
    return {width: total.moments(grid(width)) for width, total in found.items()}


def table_moments(table: DataFrame, vectors_of: VectorsOf) -> dict[str, Moments]:
    """Moments of all vectors of a table by their name, in one pass; names without a vector are left out.

    Each task sums its rows (D² float64 a name, whatever their number), and the sums are merged on the executors.
    """

    def partials(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sums: dict[str, Moments] = {}
        with task_threads():
            for batch in batches:
                for name, vectors in vectors_of(batch).items():
                    if len(vectors):
                        part = Moments.of(vectors)
                        sums[name] = sums[name] + part if name in sums else part
        for name, total in sums.items():
            row = {"name": name, "n": total.n, "mean": total.mean.tobytes(), "scatter": total.scatter.tobytes()}
            yield pa.RecordBatch.from_pylist([row])

    return table.mapInArrow(partials, _PARTIAL).rdd.map(_unpacked).treeAggregate({}, _merged, _merged)


def write_correction(spark: SparkSession, correction: Correction, folder: str) -> None:
    """Write the file CORRECTION into the folder of a result that is being made."""
    file_system, where = files.hadoop_path(spark, f"{folder}/{CORRECTION}")
    stream = file_system.create(where, True)
    with afterwards(stream.close):
        stream.write(bytearray(correction.to_bytes()))


def read_correction(spark: SparkSession, path: str) -> Correction:
    """The correction in a file, or in the folder of a result. Raises UserError where there is none."""
    if files.exists(spark, f"{path}/{CORRECTION}"):
        path = f"{path}/{CORRECTION}"
    if not path.endswith(".npz") or not files.exists(spark, path):
        raise UserError(
            f"correction {path!r} is not there, expected a file {CORRECTION} or the folder of a result that was made "
            "with --center, --remove-components or --whiten; check the path"
        )
    return Correction.from_bytes(fetcher(spark)(path).read_bytes(), path)


def _by_width(batch: pa.RecordBatch) -> dict[int, np.ndarray]:
    """The finite vectors of a batch with the columns id and embedding, by their width."""
    widths, problems = examine(batch.column("id"), batch.column("embedding"))
    found = {}
    for width in np.unique(widths[problems == ""]):
        rows = batch.column("embedding").filter(pa.array((problems == "") & (widths == width)))
        found[int(width)] = rows.flatten().to_numpy().reshape(-1, width)
    return found


def _unpacked(row: Row) -> dict[str, Moments]:
    mean = np.frombuffer(row.mean)
    return {row.name: Moments(row.n, mean, np.frombuffer(row.scatter).reshape(len(mean), len(mean)))}


def _merged(left: dict[Any, Any], right: dict[Any, Any]) -> dict[Any, Any]:
    """Sums under the same name added up."""
    both = {name: left[name] + right[name] for name in left.keys() & right.keys()}
    return {**left, **right, **both}
