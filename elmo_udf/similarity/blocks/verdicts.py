"""Records a verdict for each row while a table is packed, and decides from the verdicts whether the table is valid.

Tasks write the verdicts and the driver reads them, both through pyarrow. Spark would take a second to load and compile
what it needs before it writes its first Parquet file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NoReturn

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from elmo_udf.errors import UserError
from elmo_udf.similarity.blocks.files import Block, Folder, new_name
from elmo_udf.similarity.blocks.writer import PROBLEMS
from elmo_udf.similarity.kernels.cost import FEW_BYTES

COUNTS = "file string, block string, problem string, width int, n long"
"""What a task reports to the driver: rows by block, problem and width of their vectors, and the file with verdicts."""

_KEYS = ["block", "problem", "width"]
_GROUP_ROWS = 1 << 16
_KEYS_AND_N = (pa.string(), pa.string(), pa.int32(), pa.int64())


def write_verdicts(verdicts: Iterable[pa.RecordBatch], folder: Folder) -> Iterator[pa.RecordBatch]:
    """Writes what ``pack_batches`` yields to a file in the folder, and yields its COUNTS. Does nothing without rows."""
    filled = (batch for batch in verdicts if len(batch))
    first = next(filled, None)
    if first is None:
        return
    file, counts = f"rows-{new_name()}.parquet", Counter[tuple[str | None, str | None, int]]()
    file_system, root = folder.open()
    with pq.ParquetWriter(f"{root}/{file}", first.schema, filesystem=file_system) as writer:
        for rows in _gathered(chain([first], filled)):
            writer.write_table(rows)
            for row in rows.group_by(_KEYS).aggregate([([], "count_all")]).to_pylist():
                counts[row["block"], row["problem"], row["width"]] += row["count_all"]
    columns = [*zip(*counts, strict=True), counts.values()]
    arrays = [pa.array(list(column), kind) for column, kind in zip(columns, _KEYS_AND_N, strict=True)]
    files = pa.array([file] * len(counts), pa.string())
    yield pa.record_batch([files, *arrays], names=["file", *_KEYS, "n"])


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yields the same rows in larger pieces, one for each row group."""
    some: list[pa.RecordBatch] = []
    for batch in batches:
        some.append(batch)
        if sum(map(len, some)) >= _GROUP_ROWS:
            yield pa.Table.from_batches(some)
            some = []
    if some:
        yield pa.Table.from_batches(some)


def check_verdicts(counts: Sequence[Row], verdicts: DataFrame, folder: Folder, table: str) -> int:
    """Returns the width of the vectors before the correction.

    Args:
        counts: The COUNTS of all tasks.
        verdicts: Their files in the folder, as a table.

    Raises UserError if rows of the table can't be compared. The message counts them by kind, and names one of them.
    """
    widths = {row.width for row in counts}
    if len(widths) != 1 or any(row.problem for row in counts):
        _refuse_problems(table, verdicts)
    if not (8 * sum(row.n for row in counts) <= FEW_BYTES and _all_different(folder, {row.file for row in counts})):
        _refuse_duplicates(table, verdicts)
    return int(widths.pop())


def blocks_of(counts: Sequence[Row]) -> tuple[Block, ...]:
    """Returns the blocks that were written, sorted by name, if every row is in a block."""
    return tuple(sorted((Block(row.block, row.n) for row in counts), key=lambda block: block.name))


def _all_different(folder: Folder, files: Iterable[str]) -> bool:
    """Returns whether the ids in these files are certainly different.

    It does not check more than FEW_BYTES, nor floats, which have two zeros.
    """
    file_system, root = folder.open()
    paths = [f"{root}/{file}" for file in files]
    if sum(_id_bytes(pq.read_metadata(path, filesystem=file_system)) for path in paths) > FEW_BYTES:
        return False
    ids = pq.read_table(paths, columns=["id"], filesystem=file_system, partitioning=None)["id"]
    return not pa.types.is_floating(ids.type) and pc.count_distinct(ids, mode="all").as_py() == len(ids)


def _id_bytes(metadata: pq.FileMetaData) -> int:
    """Returns the uncompressed size of the first column in bytes."""
    return sum(metadata.row_group(i).column(0).total_uncompressed_size for i in range(metadata.num_row_groups))


def refuse_empty(name: str) -> NoReturn:
    """Raises UserError, because there is nothing to compare."""
    raise UserError(f"table {name!r} has no rows, expected at least one; check the path and how it was made")


def _refuse_problems(name: str, verdicts: DataFrame) -> None:
    by_kind = verdicts.groupBy("problem", "width").agg(F.count("*").alias("n"), F.min("id").alias("id"))
    found = by_kind.collect()
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
            "leave out these rows"
        )
    widths: dict[int, list[Row]] = {}
    for row in found:
        widths.setdefault(row.width, []).append(row)
    if len(widths) > 1:
        parts = [
            f"{_rows(rows)} {width} wide (such as id {min(row.id for row in rows)!r})"
            for width, rows in sorted(widths.items())
        ]
        raise UserError(
            f"table {name!r} has vectors of different widths: {', '.join(parts)}; expected one width; "
            "leave out the others"
        )


def _rows(groups: list[Row]) -> str:
    n = sum(row.n for row in groups)
    return f"{n:,} row" if n == 1 else f"{n:,} rows"


def _refuse_duplicates(name: str, verdicts: DataFrame) -> None:
    repeated = verdicts.groupBy("id").count().where("count > 1")
    found = repeated.agg(F.count("*").alias("n"), F.min("id").alias("id")).first()
    if found is not None and found.n:
        raise UserError(
            f"table {name!r} has {found.n:,} ids in more than one row (such as id {found.id!r}); expected every id "
            "once; leave out repeated rows, or name a column with an id for every row with --id-column"
        )
