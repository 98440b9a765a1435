"""Which correction a comparison has: one fit on a table, or one that an earlier result was made with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import SparkSession

from elmo_udf.similarity.blocks.comparable import Side, width_of
from elmo_udf.similarity.blocks.pack import check_width
from elmo_udf.similarity.joins.fit import fit_on_table, read_correction
from elmo_udf.similarity.joins.previous import Previous, check_vectors
from elmo_udf.similarity.kernels.correction import Correction, check_correction
from elmo_udf.similarity.options import SimilarityOptions
from elmo_udf.spark.metadata import TableMetadata
from elmo_udf.spark.tables import read_sidecar


def check_correction_asked(
    spark: SparkSession, options: SimilarityOptions, sides: Sequence[Side], metadata: TableMetadata | None
) -> None:
    """Refuse a correction that can't be fit on, or is not of, such vectors (UserError): before any work."""
    if options.correction_name != "none":
        check_correction(options, width_of(sides[-1]))
    if options.correction is not None:
        stored = stored_correction(spark, options.correction, metadata, options.embeddings)
        check_width(stored, width_of(sides[0]), sides[0].name)


def correction_for(
    spark: SparkSession, options: SimilarityOptions, sides: Sequence[Side], previous: Previous | None
) -> tuple[Correction | None, dict[str, Any]]:
    """The correction, or None, and what the report says of it.

    It is fit on the table of ``--against`` where there is one, which stands for what is searched, else on the table
    itself; an update has the one of the earlier result, for other vectors would have other cosines.
    """
    if previous is not None:
        correction, source = previous.correction, previous.path
    elif options.correction is not None:
        correction, source = read_correction(spark, options.correction), options.correction
    else:
        correction, source = fit_on_table(sides[-1].table, options, f"table {sides[-1].name!r}"), sides[-1].name
    if correction is None:
        return None, {"correction": "none"}
    return correction, {"correction": correction.name, "correction_of": source, "correction_fit_on": correction.n}


def stored_correction(spark: SparkSession, path: str, metadata: TableMetadata | None, table: str) -> Correction:
    """The correction of an earlier result. Raises UserError where there is none, and where it is of other vectors."""
    correction = read_correction(spark, path)
    made = None if path.endswith(".npz") else read_sidecar(spark, path)
    check_vectors(path, made or {}, metadata, table)
    return correction
