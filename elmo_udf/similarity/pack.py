"""From a table on Spark to blocks in a shared folder, in one pass over its vectors."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.similarity.blocks import Block, Folder, Stripe, new_name
from elmo_udf.similarity.correction import Correction
from elmo_udf.similarity.tables import Side
from elmo_udf.similarity.threads import task_threads
from elmo_udf.similarity.vectors import PROBLEMS, BlockWriter, pack_batches


@dataclass(frozen=True)
class Packed:
    """A table as blocks: all of them, the width of their vectors, and a DataFrame with ``id`` and ``block``.

    Of a whole table it has ``digest`` too, a hash of the vector as it came.
    """

    rows: Stripe
    width: int
    ids: DataFrame


def pack(
    spark: SparkSession, side: Side, folder: Folder, block_rows: int | None, correction: Correction | None = None
) -> Packed:
    """Write the rows of a table, corrected, as blocks into ``folder``, by default as long as their width suggests.

    Raises UserError where a row can't be compared: it says how many there are of each kind, and names one.
    """

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with task_threads():
            yield from pack_batches(batches, folder, block_rows, correction)

    schema = T.StructType().add("id", side.id_type).add("block", "string").add("width", "integer")
    schema = schema.add("problem", "string").add("digest", "long")
    # Kept as a table, not recomputed: a block counts only if the attempt that wrote it was committed.
    path = f"{folder.uri}/rows-{new_name()}"
    side.table.mapInArrow(write, schema).write.parquet(path)
    verdicts = spark.read.parquet(path)
    counts = verdicts.groupBy("block", "problem", "width").agg(F.count("*").alias("n"), F.min("id").alias("id"))
    found = counts.collect()
    _refuse_problems(side.name, found)
    _refuse_duplicates(side.name, verdicts)
    if correction is not None:
        check_width(correction, found[0].width, side.name)
    blocks = sorted((Block(row.block, row.n) for row in found), key=lambda block: block.name)
    width = found[0].width if correction is None else correction.width
    return Packed(Stripe(folder, tuple(blocks)), width, verdicts.select("id", "block", "digest"))


def subset(spark: SparkSession, packed: Packed, ids: DataFrame) -> Packed:
    """The rows whose ids are in a DataFrame with the column ``id``, in blocks of their own: read from those there are.

    It may be none: then there are no blocks.
    """
    folder, path = packed.rows.folder, f"{packed.rows.folder.uri}/rows-{new_name()}"
    chosen = packed.ids.join(ids, "id", "left_semi").select("id", "block")

    def copy(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        writer = BlockWriter(folder, None)
        for batch in batches:
            for block, wanted in zip(batch.column("block").to_pylist(), batch.column("ids"), strict=True):
                found = folder.read_block(block)
                found = found.filter(pc.is_in(found["id"], wanted.values)).combine_chunks()
                vectors = found["vector"].chunk(0)
                values = vectors.flatten().to_numpy().reshape(len(found), -1)
                names = writer.add(found["id"].chunk(0), values)
                yield pa.record_batch({"id": found["id"].chunk(0), "block": pa.array(names, pa.string())})
        writer.flush()

    by_block = chosen.groupBy("block").agg(F.collect_list("id").alias("ids"))
    schema = T.StructType().add("id", packed.ids.schema["id"].dataType).add("block", "string")
    by_block.mapInArrow(copy, schema).write.parquet(path)
    verdicts = spark.read.schema(schema).parquet(path)
    counts = verdicts.groupBy("block").count().collect()
    blocks = sorted((Block(row.block, row["count"]) for row in counts), key=lambda block: block.name)
    return Packed(Stripe(folder, tuple(blocks)), packed.width, verdicts)


def check_width(correction: Correction, width: int, name: str) -> None:
    """Refuse vectors of a table that are not as wide as those that the correction was fit on (UserError)."""
    if width != len(correction.mean):
        raise UserError(
            f"vectors of table {name!r} are {width} wide, and correction {correction.name} was fit on vectors "
            f"{len(correction.mean)} wide; expected one width; take the correction of a result of this table"
        )


def check_folder(spark: SparkSession, folder: Folder, n_tasks: int) -> None:
    """Raise UserError unless tasks read what the driver writes into ``folder``, and the driver what they write."""
    probe = f"probe-{new_name()}"

    def echo(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        error = ""
        for number in (number for batch in batches for number in batch.column(0).to_pylist()):
            try:
                _write(folder, f"{probe}-{number}", _read(folder, probe))
            except (OSError, UserError) as caught:
                error = f"{socket.gethostname()}: {caught}"
        yield pa.record_batch({"error": pa.array([error])})

    try:
        _write(folder, probe, b"elmo")
        errors = [row.error for row in spark.range(0, n_tasks, 1, n_tasks).mapInArrow(echo, "error string").collect()]
        if not any(errors):
            errors = ["" for number in range(n_tasks) if _read(folder, f"{probe}-{number}") == b"elmo"]
    except OSError as caught:
        errors = [f"driver: {caught}"]
    if any(errors):
        raise UserError(
            f"folder {folder.uri!r}, where blocks go, is not shared by the driver and all executors "
            f"({' '.join(max(errors).split())}); write the output to storage that all of them reach"
        )


def _write(folder: Folder, name: str, content: bytes) -> None:
    file_system, root = folder.open()
    with file_system.open_output_stream(f"{root}/{name}") as stream:
        stream.write(content)


def _read(folder: Folder, name: str) -> bytes:
    file_system, root = folder.open()
    with file_system.open_input_stream(f"{root}/{name}") as stream:
        content: bytes = stream.read()
    return content


def _refuse_problems(name: str, found: list[T.Row]) -> None:
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
    repeated = verdicts.groupBy("id").count().where("count > 1")
    found = repeated.agg(F.count("*").alias("n"), F.min("id").alias("id")).first()
    if found is not None and found.n:
        raise UserError(
            f"table {name!r} has {found.n:,} ids in more than one row (such as id {found.id!r}); expected every id "
            "once; leave repeated rows out, or name a column with an id for every row with --id-column"
        )
