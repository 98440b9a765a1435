"""Computes the cosines of a sample of rows with all others. The sample does not depend on the partitions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from elmo_udf.errors import UserError
from elmo_udf.similarity.blocks.files import Stripe
from elmo_udf.similarity.blocks.pack import Packed, subset
from elmo_udf.similarity.blocks.threads import task_threads
from elmo_udf.similarity.joins.comparison import Comparison
from elmo_udf.similarity.joins.plan import stripes_of
from elmo_udf.similarity.kernels.cosine import STEPS, Rows, exact_block
from elmo_udf.similarity.kernels.histogram import N_BINS, Histogram, bins_of

SAMPLE_ROWS = 1000
_COLUMNS = 2048
_FLOPS_ON_DRIVER = 4e9
"""This takes less time than starting tasks."""


def sample_cosines(comparison: Comparison) -> Histogram:
    """Returns exact cosines of SAMPLE_ROWS left rows (or all of fewer) with all right rows except themselves.

    The sample consists of the rows with the smallest hashes of their ids.
    """
    left, right = comparison.packed[0], comparison.packed[-1]
    within = len(comparison.packed) == 1
    sample = _sample(comparison.spark, left)
    if 2.0 * len(sample) * len(right.rows) * left.width <= _FLOPS_ON_DRIVER:
        counts = _counts(sample.read_rows()[1], right.rows)
    else:
        counts = _counts_on_executors(comparison, sample, right.rows)
    n_left, n_right = len(left.rows), len(right.rows)
    if within:
        counts[bins_of(np.array(STEPS))] -= len(sample)  # each with itself
    return Histogram(counts, n_left * (n_left - 1) // 2 if within else n_left * n_right)


def check_size(cosines: Histogram, threshold: float, most: int) -> int:
    """Returns the expected number of pairs. Raises UserError, with a threshold that fits, if it is above ``most``."""
    expected = round(cosines.estimate(threshold))
    if expected > most:
        fitting = cosines.threshold_for(most)
        advice = "no threshold fits" if fitting is None else f"--threshold {fitting:g} would fit"
        raise UserError(
            f"about {expected:,} pairs reach threshold {threshold:g}, but max_pairs is {most:,}; {advice}; "
            "choose another threshold, or a greater --max-pairs"
        )
    return expected


def _sample(spark: SparkSession, packed: Packed) -> Stripe:
    if len(packed.rows) <= SAMPLE_ROWS:
        return packed.rows
    chosen = packed.ids.select("id").orderBy(F.xxhash64("id"), "id").limit(SAMPLE_ROWS)
    return subset(spark, packed, chosen).rows


def _counts(sample: Rows, right: Stripe) -> np.ndarray:
    """Returns the counts of the sample's cosines with the rows of a stripe: int64, shape (N_BINS,)."""
    counts = np.zeros(N_BINS, np.int64)
    for block in right.blocks:
        _, rows = Stripe(right.folder, (block,)).read_rows()
        for start in range(0, len(rows), _COLUMNS):
            steps = exact_block(sample, rows[start : start + _COLUMNS])
            counts += np.bincount(bins_of(steps).ravel(), minlength=N_BINS)
    return counts


def _counts_on_executors(comparison: Comparison, sample: Stripe, right: Stripe) -> np.ndarray:
    stripes = stripes_of(right, 4 * comparison.cluster.slots)

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with task_threads():
            _, rows = sample.read_rows()
            for batch in batches:
                for number in batch.column(0).to_pylist():
                    counts = _counts(rows, stripes[number])
                    bins = np.flatnonzero(counts)
                    yield pa.record_batch({"bin": pa.array(bins, pa.int32()), "n": pa.array(counts[bins])})

    numbers = comparison.spark.range(0, len(stripes), 1, len(stripes))
    found = numbers.mapInArrow(count, "bin int, n long").groupBy("bin").agg(F.sum("n").alias("n")).toArrow()
    counts = np.zeros(N_BINS, np.int64)
    counts[found["bin"].to_numpy()] = found["n"].to_numpy()
    return counts
