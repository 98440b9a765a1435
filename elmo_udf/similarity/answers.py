"""Makes the table of each kind of result from a comparison, and what the report says about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from elmo_udf.similarity.joins.comparison import Comparison
from elmo_udf.similarity.joins.groups import grouped
from elmo_udf.similarity.joins.previous import Previous
from elmo_udf.similarity.joins.update import updated_pairs, updated_top_k
from elmo_udf.similarity.kernels.histogram import Histogram
from elmo_udf.similarity.options import SimilarityOptions
from elmo_udf.similarity.pictures import draw_histogram, write_matrix


@dataclass(frozen=True)
class Answer:
    """A table that is still to be written, and the values for ``_elmo.json`` and for the report."""

    table: DataFrame
    sidecar: dict[str, Any] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)


def answer(comparison: Comparison, options: SimilarityOptions, previous: Previous | None) -> Answer:
    """Returns the answer that ``options.kind`` asks for. With ``previous``, it updates the earlier result."""
    if options.kind == "topk":
        if previous is None:
            return Answer(comparison.top_k(options.k))
        table, counts = updated_top_k(comparison, previous, options.k)
        return Answer(table, report=counts)
    if options.kind == "pairs":
        if previous is None:
            return Answer(comparison.pairs(options.threshold, options.prune))
        table, counts = updated_pairs(comparison, previous, options.threshold, options.prune)
        return Answer(table, report=counts)
    if options.kind == "groups":
        found = comparison.found(options.threshold, options.prune)
        return Answer(grouped(found.table, comparison.folder.uri), report={"pairs": found.n_rows})
    table, column_ids = comparison.matrix()
    return Answer(table, {"ids": column_ids})


def asked(options: SimilarityOptions) -> dict[str, Any]:
    """Returns the question, for the report and ``_elmo.json``."""
    limits: dict[str, dict[str, Any]] = {"topk": {"k": options.k}, "pairs": {"threshold": options.threshold}}
    limits["groups"] = limits["pairs"]
    against = {"against": options.against} if options.against else {}
    return {"table": options.kind, "embeddings": options.embeddings} | against | limits.get(options.kind, {})


def draw(table: DataFrame, found: Answer, cosines: Histogram, options: SimilarityOptions) -> dict[str, Any]:
    """Draws the requested pictures and writes the requested files. Returns what the report says about the rows."""
    report: dict[str, Any] = {}
    if options.kind == "groups":
        report["groups"] = table.where(F.col("id") == F.col("group_id")).count()
    if options.kind == "matrix":
        write_matrix(table, found.sidecar["ids"], options)
    elif options.plot is not None:
        draw_histogram(cosines, table, options)
    return report
