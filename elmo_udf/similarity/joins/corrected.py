"""Chooses the correction of a comparison: one that is fitted on a table, or that of an earlier result."""

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
    """Raises UserError, before any work, if the correction can't be fitted on such vectors or belongs to others."""
    if options.correction_name != "none":
        check_correction(options, width_of(sides[-1]))
    if options.correction is not None:
        stored = stored_correction(spark, options.correction, metadata, options.embeddings)
        check_width(stored, width_of(sides[0]), sides[0].name)


def correction_for(
    spark: SparkSession, options: SimilarityOptions, sides: Sequence[Side], previous: Previous | None
) -> tuple[Correction | None, dict[str, Any]]:
    """Returns the correction, or None, and what the report says about it.

    It is fitted on the table of ``--against`` if there is one, because that is the table that is searched, and
    otherwise on the table itself. An update uses the correction of the earlier result, because another one would change
    all cosines.
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
    """Returns the correction of an earlier result. Raises UserError if there is none, or if it is for other vectors."""
    correction = read_correction(spark, path)
    made = None if path.endswith(".npz") else read_sidecar(spark, path)
    check_vectors(path, made or {}, metadata, table)
    return correction
