"""What becomes of a table's rows when it is packed: a verdict each, counted; and what makes a table unfit."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.dataset as ds
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.similarity.blocks import Block, Folder
from elmo_udf.similarity.vectors import PROBLEMS
from elmo_udf.spark.tables import is_little


def accepted(verdicts: DataFrame, folder: Folder, name: str, table: str) -> tuple[tuple[Block, ...], int]:
    """The blocks that were written, in the order of their names, and the width of the vectors as they came.

    verdicts: what ``pack_batches`` says of every row, kept as ``name`` in the folder.
    Raises UserError where rows of the table can't be compared: how many there are of each kind, and one of them.
    """
    counts = _counts(folder, name)
    widths = {width for _, _, width in counts}
    if len(widths) != 1 or any(problem for _, problem, _ in counts):
        _refuse_problems(table, verdicts)
    _refuse_duplicates(table, verdicts)
    return tuple(Block(block, n) for (block, _, _), n in sorted(counts.items())), widths.pop()


def _counts(folder: Folder, name: str) -> Counter[tuple[str, str | None, int]]:
    """Rows by block, problem and width. The driver reads these three columns sooner than a job on Spark starts."""
    file_system, root = folder.open()
    counts: Counter[tuple[str, str | None, int]] = Counter()
    keys = ["block", "problem", "width"]
    for batch in ds.dataset(f"{root}/{name}", filesystem=file_system, format="parquet").to_batches(columns=keys):
        found = pa.table(batch).group_by(keys).aggregate([([], "count_all")])
        for row in found.to_pylist():
            counts[row["block"], row["problem"], row["width"]] += row["count_all"]
    return counts


def _refuse_problems(name: str, verdicts: DataFrame) -> None:
    by_kind = verdicts.groupBy("problem", "width").agg(F.count("*").alias("n"), F.min("id").alias("id"))
    found = by_kind.collect()
    if not found:
        raise UserError(f"table {name!r} has no rows, expected at least one; check the path and how it was made")
    parts = []
    for problem, words in PROBLEMS.items():
        rows = [row for row in found if row.problem == problem]
        if rows:
            example = min((row.id for row in rows if row.id is not None), default=None)
            such = "" if example is None else f" (such as id {example!r})"
            parts.append(f"{_rows(rows)} {words}{such}")
    if parts:
        raise UserError(
            f"table {name!r} has {', '.join(parts)}; expected an id and a finite vector other than zero in every row; "
            "leave these rows out"
        )
    widths: dict[int, list[T.Row]] = {}
    for row in found:
        widths.setdefault(row.width, []).append(row)
    if len(widths) > 1:
        parts = [
            f"{_rows(rows)} {width} wide (such as id {min(row.id for row in rows)!r})"
            for width, rows in sorted(widths.items())
        ]
        raise UserError(
            f"table {name!r} has vectors of different widths: {', '.join(parts)}; expected one width; "
            "leave the others out"
        )


def _rows(groups: list[T.Row]) -> str:
    n = sum(row.n for row in groups)
    return f"{n:,} row" if n == 1 else f"{n:,} rows"


def _refuse_duplicates(name: str, verdicts: DataFrame) -> None:
    together = verdicts.coalesce(1) if is_little(verdicts) else verdicts
    repeated = together.groupBy("id").count().where("count > 1")
    found = repeated.agg(F.count("*").alias("n"), F.min("id").alias("id")).first()
    if found is not None and found.n:
        raise UserError(
            f"table {name!r} has {found.n:,} ids in more than one row (such as id {found.id!r}); expected every id "
            "once; leave repeated rows out, or name a column with an id for every row with --id-column"
        )
