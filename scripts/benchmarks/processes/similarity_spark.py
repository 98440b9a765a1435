"""What Spark itself offers for similar rows: BlockMatrix, a cross join with its cosine function, and the LSH join."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.spark.launch import launch_options


def main(table: str, peer: str, threshold: float, cores: int = 2, archive: bool = False) -> dict[str, Any]:
    """Seconds to compare the rows of a table, the JVM's start not counted; and the pairs at the threshold, if asked.

    ``archive``: with this project's archive of Spark's classes, which Spark as it ships has not.
    """
    builder = SparkSession.builder.master(f"local[{cores}]").config("spark.driver.memory", "8g")
    builder = builder.config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
    with launch_options() if archive else nullcontext():
        spark = builder.getOrCreate()
    spark.range(1).count()
    read_files(table)
    rows = spark.read.parquet(table)
    started = time.perf_counter()
    found = {"blockmatrix": blockmatrix, "crossjoin": crossjoin, "lsh": lsh}[peer](rows, threshold)
    return {"seconds": round(time.perf_counter() - started, 3), **found}


def read_files(table: str) -> None:
    """Into the system's cache: programs without Spark have the vectors in memory when their time begins."""
    for file in Path(table).glob("*.parquet"):
        file.read_bytes()


def blockmatrix(rows: DataFrame, threshold: float) -> dict[str, Any]:
    """A·Aᵀ of unit rows in blocks of 1,024, made and counted."""
    from pyspark.mllib.linalg import Vectors
    from pyspark.mllib.linalg.distributed import IndexedRow, IndexedRowMatrix

    unit = rows.select("id", F.expr("vector_normalize(embedding, 2.0f)").alias("unit"))
    indexed = unit.rdd.map(lambda row: IndexedRow(row.id, Vectors.dense(row.unit)))
    blocks = IndexedRowMatrix(indexed).toBlockMatrix(1024, 1024).cache()
    return {"blocks": blocks.multiply(blocks.transpose()).blocks.count()}


def crossjoin(rows: DataFrame, threshold: float) -> dict[str, Any]:
    """Every pair once, by ``vector_cosine_similarity``; those above the threshold are counted."""
    a = rows.select(F.col("id").alias("id_a"), F.col("embedding").alias("a"))
    b = rows.select(F.col("id").alias("id_b"), F.col("embedding").alias("b"))
    cosine = F.vector_cosine_similarity("a", "b").alias("cosine")
    pairs = a.crossJoin(b).where("id_a < id_b").select("id_a", "id_b", cosine).where(F.col("cosine") >= threshold)
    return {"pairs": pairs.count()}


def lsh(rows: DataFrame, threshold: float) -> dict[str, Any]:
    """MLlib's join of unit rows by random projections, three hash tables; its pairs above the threshold are counted."""
    from pyspark.ml.feature import BucketedRandomProjectionLSH, Normalizer

    distance = (2 - 2 * threshold) ** 0.5  # of unit vectors
    vectors = rows.select("id", array_to_vector(F.col("embedding")).alias("vector"))
    unit = Normalizer(inputCol="vector", outputCol="unit").transform(vectors).select("id", "unit")
    model = BucketedRandomProjectionLSH(
        inputCol="unit", outputCol="hashes", bucketLength=2 * distance, numHashTables=3, seed=7
    ).fit(unit)
    pairs = model.approxSimilarityJoin(unit, unit, distance).where("datasetA.id < datasetB.id")
    return {"pairs": pairs.count(), "bucket_length": 2 * distance, "hash_tables": 3}
