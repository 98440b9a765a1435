"""Text: a line is a document, or a file is."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.options import InputOptions
from elmo_udf.spark.inputs.columns import file_path, with_places


def read_text(spark: SparkSession, options: InputOptions) -> DataFrame:
    """Columns ``id`` and ``text``: ``file:line`` and a line, or with ``whole_files`` a file and all it holds."""
    if options.whole_files:
        table = spark.read.text(options.input, wholetext=True)
        return table.select(file_path().alias("id"), F.col("value").alias("text"))
    return with_places(spark.read.text(options.input), "id").select("id", F.col("value").alias("text"))
