"""Makes a comparison from DataFrames, for PySpark and for the job."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from elmo_udf.errors import UserError
from elmo_udf.similarity.blocks.comparable import sides_of
from elmo_udf.similarity.blocks.pack import pack
from elmo_udf.similarity.blocks.shared import shared_folder
from elmo_udf.similarity.blocks.writer import default_block_rows
from elmo_udf.similarity.joins.comparison import Comparison
from elmo_udf.similarity.kernels.correction import Correction
from elmo_udf.similarity.kernels.cost import Cluster
from elmo_udf.spark.session import task_cpus, task_slots


def compare(
    left: DataFrame,
    right: DataFrame | None = None,
    *,
    staging: str,
    id_column: str = "id",
    embedding_column: str = "embedding",
    names: tuple[str, str] = ("left", "right"),
    block_rows: int | None = None,
    stripe_rows: int | None = None,
    correction: Correction | None = None,
) -> Comparison:
    """Returns a comparison of the rows of one table with each other, or of every left row with every right row.

    Args:
        left: A table with a column of ids and a column of vectors. Each id is unique and of a type that can be ordered.
            The vectors are array<float> or array<double>, all of one width, finite and not zero.
        right: Another such table.
        staging: The path or URI of a folder that driver and executors share. Blocks and results stay there until you
            delete it.
        id_column: The column of ids.
        embedding_column: The column of vectors.
        names: The names of the two tables in messages.
        block_rows: The number of rows of a file, and of a tile of the matrix product. It is chosen by default.
        stripe_rows: The number of rows of each side that one task holds. It is chosen by default.
        correction: The correction that is applied to all vectors first.

    Raises UserError if the tables can't be compared or the folder is not shared.
    """
    sides = sides_of(left, right, id_column, embedding_column, names)
    spark, cluster = left.sparkSession, cluster_of(left.sparkSession)
    folder = shared_folder(spark, staging, cluster)
    packed = [pack(spark, side, folder, block_rows, correction) for side in sides]
    widths = {one.width for one in packed}
    if len(widths) > 1:
        raise UserError(
            f"vectors of table {names[0]!r} are {packed[0].width} wide and those of {names[1]!r} {packed[1].width}; "
            "expected one width; embed both with the same model and options"
        )
    tile_rows = block_rows or default_block_rows(packed[0].width)
    return Comparison(spark, folder, cluster, sides, tuple(packed), tile_rows, stripe_rows)


def cluster_of(spark: SparkSession) -> Cluster:
    """Returns the number of tasks that can run at once now, and their cores."""
    return Cluster(task_slots(spark), task_cpus(spark))
