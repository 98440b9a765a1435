"""Batches of a table for Python, past the JVM where the table is nothing but Parquet files.

Spark decodes a vector into a row of its own, value by value, and copies it value by value again for Python, which is
most of the time of a pass over vectors. Tasks that read the files themselves, by pyarrow, take a tenth of it. They do
where the result is certainly the same (``plain_parquet``). Everything else goes Spark's way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.spark.plain_parquet import Column, fits, found, opened, plain_files
from elmo_udf.spark.session import task_slots

Batches = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]

_PIECE_BYTES = 64 << 20
_BATCH_ROWS = 1024


@dataclass(frozen=True)
class Piece:
    """Row groups ``part``, ``part + n_parts``, ``part + 2 * n_parts``, … of a file; about ``n_bytes``."""

    uri: str
    part: int
    n_parts: int
    n_bytes: int


def map_batches(
    table: DataFrame, function: Batches, schema: T.StructType | str, shared: str | None = None
) -> DataFrame:
    """``table.mapInArrow(function, schema)``, but for how rows are divided into tasks and batches.

    shared: the URI of a folder that executors were seen to read through pyarrow. In local mode they read any file.
    """
    plain = plain_files(table, shared)
    if plain is None:
        return table.mapInArrow(function, schema)
    uris, columns = plain
    groups = _divided(_pieces(uris), task_slots(table.sparkSession))

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        numbers = (number for batch in batches for number in batch.column(0).to_pylist())
        pieces = (piece for number in numbers for piece in groups[number])
        yield from function(batch for piece in pieces for batch in read_piece(piece, columns))

    return table.sparkSession.range(0, len(groups), 1, len(groups)).mapInArrow(read, schema)


def _pieces(uris: Sequence[str]) -> list[Piece]:
    """The files, in parts of about _PIECE_BYTES where their row groups allow it."""
    with ThreadPoolExecutor(32) as pool:  # elsewhere than on this machine every question takes its time
        sizes = list(pool.map(_n_bytes, uris))
    n_parts = [max(1, round(size / _PIECE_BYTES)) for size in sizes]
    return [
        Piece(uri, part, n, size // n) for uri, size, n in zip(uris, sizes, n_parts, strict=True) for part in range(n)
    ]


def _n_bytes(uri: str) -> int:
    file_system, path = opened(uri)
    return file_system.get_file_info(path).size or 0


def _divided(pieces: Sequence[Piece], n_slots: int) -> list[list[Piece]]:
    """The pieces of each task: as many tasks as run at once, or more where there is much; about equal bytes."""
    n_tasks = min(len(pieces), max(n_slots, round(sum(piece.n_bytes for piece in pieces) / (2 * _PIECE_BYTES))))
    groups, loads = [list[Piece]() for _ in range(n_tasks)], [0] * n_tasks
    for piece in sorted(pieces, key=lambda piece: -piece.n_bytes):
        lightest = loads.index(min(loads))
        groups[lightest].append(piece)
        loads[lightest] += piece.n_bytes + 1
    return groups


def read_piece(piece: Piece, columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    """Its rows in batches; a column that the file has not is NULL, as for Spark."""
    file_system, path = opened(piece.uri)
    # Not buffered ahead: that would hold a whole row group in memory.
    with (
        file_system.open_input_file(path) as source,
        pq.ParquetFile(source, pre_buffer=False, buffer_size=1 << 20) as file,
    ):
        names = dict(found(columns, file.schema_arrow.names))
        row_groups = list(range(piece.part, file.num_row_groups, piece.n_parts))
        wanted = [name for name in names.values() if name is not None]
        for batch in file.iter_batches(_BATCH_ROWS, row_groups=row_groups, columns=wanted):
            arrays = [
                pa.nulls(len(batch), one.kind) if name is None else _cast(batch[name], one, piece.uri)
                for one, name in names.items()
            ]
            yield pa.record_batch(arrays, names=[one.name for one in columns])


def _cast(array: pa.Array, column: Column, uri: str) -> pa.Array:
    """As the table has it; the types of a first file fit, others might not."""
    if not fits(array.type, column.kind):
        raise UserError(
            f"file {uri!r}: column {column.source!r} is {array.type}, and the table has {column.kind}; expected one "
            "type in all files; write the table anew"
        )
    return pc.cast(array, column.kind)
