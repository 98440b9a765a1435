"""Writes tables of vectors. All of them get their encoding and compression here."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyspark.sql import DataFrame, DataFrameWriter

from elmo_udf.errors import UserError

_OPTIONS = {
    "compression": "zstd",
    # Values of vectors hardly repeat: a dictionary of them is made in vain, page by page, and given up.
    "parquet.enable.dictionary#embedding.list.element": "false",
    "maxRecordsPerFile": "0",  # all rows of a document are in one file, and come into place together
}


def check_encoding(encoding: str, spark_version: str) -> None:
    """Raises UserError if this version of Spark can't write the encoding and read it again."""
    if encoding == "byte_stream_split" and [int(n) for n in re.findall(r"\d+", spark_version)[:2]] < [4, 3]:
        raise UserError(
            f"--encoding byte_stream_split needs Spark 4.3 or newer, found {spark_version}; use plain, the default"
        )


def vector_writer(table: DataFrame, encoding: str, folders: Sequence[str] = ()) -> DataFrameWriter:
    """Returns a Parquet writer for a table with vectors in ``embedding`` and with the partition columns ``folders``.

    ``encoding`` is ``plain``, which all programs read, or ``byte_stream_split``.
    """
    split = str(encoding == "byte_stream_split").lower()
    writer = table.write.options(**_OPTIONS).option("parquet.enable.bytestreamsplit", split)
    return writer.partitionBy(*folders) if folders else writer
