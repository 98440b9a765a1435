"""Packs a table on Spark into blocks in a shared folder, in one pass over its vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.similarity.blocks.comparable import Side
from elmo_udf.similarity.blocks.files import Block, Folder, Stripe, new_name
from elmo_udf.similarity.blocks.threads import task_threads
from elmo_udf.similarity.blocks.verdicts import COUNTS, blocks_of, check_verdicts, refuse_empty, write_verdicts
from elmo_udf.similarity.blocks.writer import BlockWriter, pack_batches
from elmo_udf.similarity.kernels.correction import Correction
from elmo_udf.spark.complaints import reading
from elmo_udf.spark.inputs.batches import map_batches
from elmo_udf.spark.session import small_batches


@dataclass(frozen=True)
class Packed:
    """A table as blocks: the blocks, the width of their vectors, and a DataFrame with ``id`` and ``block``.

    For a whole table, the DataFrame also has ``digest``, a hash of the vector before it was corrected.
    """

    rows: Stripe
    width: int
    ids: DataFrame


def pack(
    spark: SparkSession, side: Side, folder: Folder, block_rows: int | None, correction: Correction | None = None
) -> Packed:
    """Writes the rows of a table, corrected, as blocks to ``folder``.

    By default, the length of blocks follows from the width.

    Raises UserError if rows can't be compared. The message counts them by kind, and names one of them.
    """

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with task_threads():
            yield from write_verdicts(pack_batches(batches, folder, block_rows, correction), folder)

    # A file counts only if its task succeeded: then the task's counts arrive, once.
    expected = "Parquet files whose columns have the same types"
    with small_batches(spark), reading(f"table {side.name!r}", expected):
        counts = map_batches(side.table, write, COUNTS, folder.uri).collect()
    schema = T.StructType().add("id", side.id_type).add("block", "string").add("width", "integer")
    schema = schema.add("problem", "string").add("digest", "long")
    files = sorted({row.file for row in counts})
    if not files:
        refuse_empty(side.name)
    # Not written by Spark, whose old calendar of dates has no part in it.
    reader = spark.read.schema(schema).option("datetimeRebaseMode", "CORRECTED")
    verdicts = reader.parquet(*(f"{folder.uri}/{file}" for file in files))
    width = check_verdicts(counts, verdicts, folder, side.name)
    if correction is not None:
        check_width(correction, width, side.name)
        width = correction.width
    return Packed(Stripe(folder, blocks_of(counts)), width, verdicts.select("id", "block", "digest"))


def subset(spark: SparkSession, packed: Packed, ids: DataFrame) -> Packed:
    """Returns the rows whose ids are in a DataFrame with the column ``id``, in new blocks made from the existing ones.

    If there are no such rows, there are no blocks.
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
    """Raises UserError if the vectors of a table are not as wide as those that the correction was fitted on."""
    if width != len(correction.mean):
        raise UserError(
            f"vectors of table {name!r} are {width} wide, and correction {correction.name} was fit on vectors "
            f"{len(correction.mean)} wide; expected one width; use the correction of a result of this table"
        )
