"""Reads an earlier result, and decides whether it can be updated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from elmo_udf.errors import UserError
from elmo_udf.similarity.blocks.comparable import Side
from elmo_udf.similarity.blocks.pack import Packed
from elmo_udf.similarity.joins.fit import read_correction
from elmo_udf.similarity.kernels.correction import Correction
from elmo_udf.similarity.options import SimilarityOptions
from elmo_udf.spark import files
from elmo_udf.spark.metadata import COMPARED, TableMetadata
from elmo_udf.spark.tables import read_sidecar, read_table

ROWS = ("_rows", "_rows_against")
"""Folders in a result with ``id`` and ``digest`` of the rows that were compared.

Programs that read Parquet skip them.
"""

_ROWS_IN_A_FILE = 5_000_000


@dataclass(frozen=True)
class Previous:
    """The result, the rows of each side that it was made from (``id``, ``digest``), and its correction."""

    path: str
    table: DataFrame
    rows: tuple[DataFrame, ...]
    correction: Correction | None


def read_previous(
    spark: SparkSession, path: str, options: SimilarityOptions, sides: Sequence[Side], metadata: TableMetadata | None
) -> Previous:
    """Returns the result at ``path``.

    Raises UserError, with the difference, if these options would not have made it.
    """
    table, made = read_table(spark, path), read_sidecar(spark, path)
    names = ROWS[: len(sides)]
    if made is None or not files.exists(spark, f"{path}/{names[0]}"):
        raise UserError(
            f"previous result {path!r} does not record the rows that it was made from, expected a result of topk or "
            "pairs of "
            "this version; run without --update"
        )
    _check_made(path, made, options, metadata)
    n_found = table.count()
    if (n_rows := made.get("n_rows", n_found)) != n_found:
        raise UserError(
            f"previous result {path!r} has {n_found:,} rows, but the run that made it wrote {n_rows:,}; expected all "
            "of them once; see whether files are missing or there twice, or run without --update"
        )
    rows = tuple(spark.read.parquet(f"{path}/{name}") for name in names)
    for side, known in zip(sides, rows, strict=True):
        was, found = known.schema["id"].dataType.simpleString(), side.id_type.simpleString()
        if was != found:
            raise UserError(
                f"previous result {path!r} has ids of type {was}, but table {side.name!r} has {found}; expected one "
                "type; run without --update"
            )
    correction = None if options.correction_name == "none" else read_correction(spark, path)
    return Previous(path, table, rows, correction)


def write_rows(packed: Sequence[Packed], folder: str) -> None:
    """Writes, beside a result that is being made, which rows were compared, with a digest of each vector."""
    for name, one in zip(ROWS, packed, strict=False):
        n_files = len(one.rows) // _ROWS_IN_A_FILE + 1
        one.ids.select("id", "digest").coalesce(n_files).write.parquet(f"{folder}/{name}")


def check_vectors(path: str, made: dict[str, Any], metadata: TableMetadata | None, table: str) -> None:
    """Raises UserError if the vectors of a result are known to be made in another way than those of a table."""
    then = made.get("vectors")
    if not then or metadata is None:
        return
    for name in COMPARED:
        if (ours := getattr(metadata, name)) != then.get(name):
            raise UserError(
                f"result {path!r} is of vectors with {name} {then.get(name)!r}, and table {table!r} has {ours!r}; "
                "expected equal values; use a result that was made from this table"
            )


def _check_made(path: str, made: dict[str, Any], options: SimilarityOptions, metadata: TableMetadata | None) -> None:
    wanted: dict[str, Any] = {"table": options.kind, "correction": options.correction_name}
    wanted |= {"k": options.k} if options.kind == "topk" else {"threshold": options.threshold}
    found = {name: made.get(name) for name in wanted}
    wanted["against"], found["against"] = (
        "another table" if one else "the table itself" for one in (options.against, made.get("against"))
    )
    for name, value in wanted.items():
        if found[name] != value:
            raise UserError(
                f"previous result {path!r} was made with {name} {found[name]}, but this run has {value}; expected "
                "equal options; use those of the result, or run without --update"
            )
    check_vectors(path, made, metadata, options.embeddings)
