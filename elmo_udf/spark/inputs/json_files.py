"""JSON lines: an object a line."""

from __future__ import annotations

import uuid

from pyspark.sql import DataFrame, SparkSession

from elmo_udf.options import InputOptions
from elmo_udf.spark.inputs.columns import MALFORMED, with_malformed


def read_json(spark: SparkSession, options: InputOptions) -> DataFrame:
    """The fields of the objects, with the types that Spark finds in all of them, and MALFORMED."""
    # Spark names the corrupt column only where it met one while it inferred the schema; ask for it always.
    unheard_of = f"{MALFORMED}_{uuid.uuid4().hex}"
    table = spark.read.option("columnNameOfCorruptRecord", unheard_of).json(options.input).drop(unheard_of)
    reader = spark.read.option("columnNameOfCorruptRecord", MALFORMED)
    return reader.schema(with_malformed(table, options.input)).json(options.input)
