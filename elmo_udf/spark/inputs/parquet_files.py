"""Reads Parquet."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from elmo_udf.options import InputOptions
from elmo_udf.spark.tables import read_sidecar


def read_parquet(spark: SparkSession, options: InputOptions) -> DataFrame:
    """Returns the columns of the files. Raises UserError for a table in a format that only a later version knows."""
    for path in options.paths:
        read_sidecar(spark, path)
    return spark.read.parquet(*options.paths)
