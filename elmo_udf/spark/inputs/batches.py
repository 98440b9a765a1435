"""Reads the batches of a table for Python without the JVM, if the table consists only of Parquet files.

Spark decodes a vector to a row value by value, and copies it to Python value by value. This takes most of the time of a
pass over vectors. Tasks that read the files themselves with pyarrow take a third of it. They do so if the result is
certainly the same (``plain_parquet``). Spark reads everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.spark.inputs.plain_parquet import Column, RowGroup, opened, plain_parquet
from elmo_udf.spark.session import task_slots

Batches = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]

_TASK_BYTES = 128 << 20
_BATCH_BYTES, _BATCH_ROWS = 4 << 20, 1024


def map_batches(
    table: DataFrame, function: Batches, schema: T.StructType | str, shared: str | None = None
) -> DataFrame:
    """Returns ``table.mapInArrow(function, schema)``, but may divide rows into tasks and batches differently.

    The call lists the files and reads their footers.

    Args:
        shared: The URI of a folder that executors can read with pyarrow. In local mode they can read any file.
    """
    plain = plain_parquet(table, shared)
    if plain is None:
        return table.mapInArrow(function, schema)
    columns, groups = plain
    tasks = divided(groups, task_slots(table.sparkSession))

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        numbers = (number for batch in batches for number in batch.column(0).to_pylist())
        yield from function(batch for number in numbers for batch in read_groups(tasks[number], columns))

    return table.sparkSession.range(0, len(tasks), 1, len(tasks)).mapInArrow(read, schema)


def divided(groups: Sequence[RowGroup], n_slots: int) -> list[list[RowGroup]]:
    """Returns the row groups of each task, of similar sizes. There are as many tasks as run at once, or a multiple."""
    n_tasks = n_slots * max(1, round(sum(group.n_bytes for group in groups) / (_TASK_BYTES * n_slots)))
    tasks, loads = [list[RowGroup]() for _ in range(max(1, min(len(groups), n_tasks)))], [0] * n_tasks
    for group in sorted(groups, key=lambda group: -group.n_bytes):
        lightest = min(range(len(tasks)), key=loads.__getitem__)
        tasks[lightest].append(group)
        loads[lightest] += group.n_bytes + 1
    return [sorted(task, key=lambda group: (group.uri, group.number)) for task in tasks]


def read_groups(groups: Sequence[RowGroup], columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    """Yields the rows of row groups in batches of about _BATCH_BYTES. ``groups`` of a file are consecutive."""
    for uri, of_file in groupby(groups, key=lambda group: group.uri):
        try:
            yield from _read_file(uri, of_file, columns)
        except (pa.ArrowException, OSError) as error:
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(
                f"file {opened(uri)[1]!r} can't be read: {said}; expected Parquet as its footer says; check the file"
            ) from None


def _read_file(uri: str, groups: Iterable[RowGroup], columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    names = [one.source for one in columns]
    file_system, path = opened(uri)
    # Not buffered ahead, and in small pieces: else a whole row group would be in memory.
    with (
        file_system.open_input_file(path) as source,
        pq.ParquetFile(source, pre_buffer=False, buffer_size=1 << 20) as file,
    ):
        for group in groups:
            n_rows = min(_BATCH_ROWS, max(1, _BATCH_BYTES * group.n_rows // max(1, group.n_bytes)))
            for batch in file.iter_batches(n_rows, row_groups=[group.number], columns=names):
                arrays = [pc.cast(batch[one.source], one.kind) for one in columns]
                yield pa.record_batch(arrays, names=[one.name for one in columns])
