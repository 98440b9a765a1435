"""How tables of vectors are written: one place for the encoding, the compression and what readers rely on."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, DataFrameWriter

_OPTIONS = {
    "compression": "zstd",
    # Values of vectors hardly repeat: a dictionary of them is made in vain, page by page, and given up.
    "parquet.enable.dictionary#embedding.list.element": "false",
    "maxRecordsPerFile": "0",  # all rows of a document are in one file, and come into place together
}


def vector_writer(table: DataFrame, encoding: str, folders: Sequence[str] = ()) -> DataFrameWriter:
    """A writer of Parquet for a table with vectors in ``embedding``; the values of ``folders`` become folder names.

    ``encoding``: ``plain``, which all readers know, or ``byte_stream_split``.
    """
    split = str(encoding == "byte_stream_split").lower()
    writer = table.write.options(**_OPTIONS).option("parquet.enable.bytestreamsplit", split)
    return writer.partitionBy(*folders) if folders else writer
