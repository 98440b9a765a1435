"""Finds texts in CSV files that are not UTF-8, which Spark replaces silently.

(From text and Parquet files, Spark keeps the bytes. It reports a line of JSON that is not UTF-8 as malformed.)
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.options import InputOptions
from elmo_udf.spark.inputs.documents import TEXT
from elmo_udf.spark.inputs.formats import guess_format

_REPLACEMENT = "\ufffd"
"""The character with which Spark replaces bytes in CSV that are not UTF-8."""
_MOST_FILES = 1000
"""Largest number of files in another encoding that are distinguished from the others by their names."""


def is_doubtful(documents: DataFrame) -> Column:
    """Returns whether the id or the text contains U+FFFD, be it from the file or from Spark."""
    found = F.lit(False)
    for name in ("id", TEXT):
        kind = documents.schema[name].dataType
        if isinstance(kind, (T.StringType, T.ArrayType)):
            text = F.to_json(name) if isinstance(kind, T.ArrayType) else F.col(name)
            found |= F.coalesce(text.contains(_REPLACEMENT), F.lit(False))
    return found


def as_undecoded(spark: SparkSession, documents: DataFrame, options: InputOptions) -> DataFrame:
    """Returns the documents, with ids and texts that Spark had to repair changed to invalid UTF-8 again.

    In a file that has a line in another encoding, these are all ids and texts with U+FFFD; a finer distinction is
    impossible. It reads all lines of CSV once, so it is only for inputs with rows that :func:`is_doubtful` finds.
    """
    if guess_format(spark, options) not in ("csv", "tsv"):
        return documents
    lines = spark.read.text(list(options.paths)).where(~F.is_valid_utf8("value"))
    found = lines.select("_metadata.file_path").distinct().limit(_MOST_FILES + 1).collect()
    if not found:
        return documents
    mended = F.col("_metadata.file_path").isin([row[0] for row in found]) if len(found) <= _MOST_FILES else F.lit(True)
    kinds = {name: documents.schema[name].dataType for name in ("id", TEXT)}
    return documents.withColumns(
        {name: F.when(mended, _broken(F.col(name), kind)).otherwise(F.col(name)) for name, kind in kinds.items()}
    )


def _broken(column: Column, kind: T.DataType) -> Column:
    """Returns the strings with an invalid byte in place of each U+FFFD."""
    if isinstance(kind, T.ArrayType):
        return F.transform(column, lambda item: _broken(item, kind.elementType))
    if not isinstance(kind, T.StringType):
        return column
    return F.replace(column, F.lit(_REPLACEMENT), F.unhex(F.lit("FF")).cast("string"))
