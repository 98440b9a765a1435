"""Texts of CSV in another encoding than UTF-8, which Spark mends without a word.

(Of text and Parquet Spark keeps the bytes as they are; a line of JSON that is not UTF-8 it calls malformed.)
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.options import InputOptions
from elmo_udf.spark.inputs.documents import TEXT
from elmo_udf.spark.inputs.formats import guess_format

_REPLACEMENT = "\ufffd"
"""What Spark puts for bytes of CSV that are not UTF-8."""
_MOST_FILES = 1000
"""Files in another encoding that are told from the others by their names; more are not."""


def is_doubtful(documents: DataFrame) -> Column:
    """Whether id or text holds U+FFFD: its own, or that of Spark."""
    found = F.lit(False)
    for name in ("id", TEXT):
        kind = documents.schema[name].dataType
        if isinstance(kind, (T.StringType, T.ArrayType)):
            text = F.to_json(name) if isinstance(kind, T.ArrayType) else F.col(name)
            found |= F.coalesce(text.contains(_REPLACEMENT), F.lit(False))
    return found


def as_undecoded(spark: SparkSession, documents: DataFrame, options: InputOptions) -> DataFrame:
    """The documents, with ids and texts that Spark had to mend as it read them no UTF-8 again; others as they are.

    Of a file with a line that is not UTF-8 these are all that hold U+FFFD: more can't be told. Reads all lines of CSV
    once, so it is for inputs with rows that :func:`is_doubtful` finds.
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
    """Strings with a byte that is not UTF-8 in place of U+FFFD."""
    if isinstance(kind, T.ArrayType):
        return F.transform(column, lambda item: _broken(item, kind.elementType))
    if not isinstance(kind, T.StringType):
        return column
    return F.replace(column, F.lit(_REPLACEMENT), F.unhex(F.lit("FF")).cast("string"))
