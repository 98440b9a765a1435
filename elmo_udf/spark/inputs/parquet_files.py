"""Parquet."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from elmo_udf.options import InputOptions
from elmo_udf.spark.tables import read_sidecar


def read_parquet(spark: SparkSession, options: InputOptions) -> DataFrame:
    """The columns of the files. Raises UserError for a table in a format that only a later version knows."""
    read_sidecar(spark, options.input)
    return spark.read.parquet(options.input)
