"""Writes small forms of a result on the driver: a matrix as CSV and as a heatmap, and the histogram of the cosines."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from elmo_udf.errors import UserError
from elmo_udf.plots.heatmap import similarity_heatmap
from elmo_udf.plots.histogram import cosine_histogram
from elmo_udf.plots.paths import check_local, check_png
from elmo_udf.similarity.kernels.cosine import STEPS
from elmo_udf.similarity.kernels.histogram import BIN_STEPS, N_BINS, Histogram
from elmo_udf.similarity.options import SimilarityOptions

MAX_CSV_CELLS = 4_000_000
MAX_DRAWN = 2000
"""Largest number of rows, and of columns, of a matrix that is drawn."""


def check_paths(options: SimilarityOptions) -> None:
    """Raises UserError, before the work, for paths that can't be written."""
    if options.plot is not None:
        check_png(options.plot)
    if options.csv is not None:
        check_local("csv", options.csv, ".csv")


def check_sizes(options: SimilarityOptions, n_rows: int, n_columns: int) -> None:
    """Raises UserError if a matrix is too large or too small for the requested files."""
    if options.csv is not None and n_rows * n_columns > MAX_CSV_CELLS:
        raise UserError(
            f"a matrix of {n_rows:,} x {n_columns:,} is too large for --csv, expected at most {MAX_CSV_CELLS:,} cells; "
            "leave out --csv; the Parquet table has all cells"
        )
    if options.plot is not None and not 2 <= min(n_rows, n_columns) <= max(n_rows, n_columns) <= MAX_DRAWN:
        raise UserError(
            f"a matrix of {n_rows:,} x {n_columns:,} can't be drawn, expected 2 to {MAX_DRAWN:,} rows and columns; "
            "leave out --plot"
        )


def write_matrix(table: DataFrame, column_ids: list[object], options: SimilarityOptions) -> None:
    """Writes the matrix to the requested files."""
    if options.csv is None and options.plot is None:
        return
    rows = table.orderBy("id").toArrow()
    ids, n_columns = rows["id"].to_pylist(), len(column_ids)
    cosines = rows["cosines"].combine_chunks().flatten().to_numpy().reshape(len(ids), n_columns)
    if options.csv is not None:
        Path(options.csv).parent.mkdir(parents=True, exist_ok=True)
        with Path(options.csv).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", *column_ids])
            writer.writerows([name, *(f"{value:.6f}" for value in row)] for name, row in zip(ids, cosines, strict=True))
    if options.plot is not None:
        title = f"Cosines of {options.embeddings}" + (f" with {options.against}" if options.against else "")
        others = [str(name) for name in column_ids] if options.against else None
        similarity_heatmap([str(name) for name in ids], cosines, options.plot, title + _corrected(options), others)


def draw_histogram(all_pairs: Histogram, result: DataFrame, options: SimilarityOptions) -> None:
    """Draws the estimated histogram of all cosines, with the threshold or with the cosines of neighbors."""
    assert options.plot is not None
    scale = all_pairs.total / max(1, all_pairs.n_seen)
    kept: tuple[str, np.ndarray] | None = None
    threshold, unit = None, "pairs"
    if options.kind == "topk":
        steps = F.round(F.col("cosine") * STEPS).cast("long")
        found = result.groupBy(((steps + STEPS) / BIN_STEPS).cast("int").alias("bin")).count().collect()
        counts = np.zeros(N_BINS)
        for row in found:
            counts[row.bin] = row["count"]
        kept = f"of the {options.k} nearest", counts
        if options.against is None:  # a neighbor is one of one document
            scale, unit = 2 * scale, "pairs, counted for each of their documents"
    else:
        threshold = options.threshold
    about = "" if all_pairs.n_seen >= all_pairs.total else ", estimated from a sample"
    title = f"Cosines of {options.embeddings}{_corrected(options)}{about}"
    counted = all_pairs.counts * scale
    cosine_histogram(all_pairs.edges, counted, options.plot, title, kept=kept, threshold=threshold, unit=unit)


def _corrected(options: SimilarityOptions) -> str:
    return f", corrected as {options.correction}" if options.correction else _named(options.correction_name)


def _named(correction: str) -> str:
    return "" if correction == "none" else f", {correction}"
