"""Parquet."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from elmo_udf.options import InputOptions


def read_parquet(spark: SparkSession, options: InputOptions) -> DataFrame:
    """The columns of the files."""
    return spark.read.parquet(options.input)
