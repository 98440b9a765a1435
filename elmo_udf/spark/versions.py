"""Selects the newest version of each document that was embedded several times.

A table grows by files. A document whose text has changed has rows in several of them, and each version has its own
``embedded_at``. While files are replaced by others with the same rows, these rows are there twice. This module reads
the newest version of every document once.
"""

from __future__ import annotations

import re

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

POSITIONS = ("sentence_index", "token_index")
"""Columns that distinguish the rows of a document, at the levels that have several."""

_WRITE = re.compile(r"part-\d+-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_FILE, _VERSION, _NEWEST, _KEPT = "_elmo_file", "_elmo_version", "_elmo_newest", "_elmo_kept"

_FEW = 1_000_000
"""Number of rows that every executor can hold beside its work."""


def newest_rows(table: DataFrame) -> DataFrame:
    """Returns the rows of the newest version of each id in an embedding table, each once.

    The newest version has the largest (``embedded_at``, ``content_hash``). Vectors are neither sorted nor moved,
    because the other columns determine which rows are not the newest. A table from a single write is returned
    unchanged.
    """
    if written_once(table):
        return table
    keys = ["id", *(name for name in POSITIONS if name in table.columns)]
    rows = table.withColumn(_FILE, F.col("_metadata.file_path")).withColumn(_VERSION, _version())
    small = rows.select(*keys, _VERSION, _FILE)
    versions = small.groupBy("id").agg(F.max(_VERSION).alias(_NEWEST), F.min(_VERSION).alias("_oldest"))
    several = versions.where(F.col(_NEWEST) != F.col("_oldest")).select("id", _NEWEST)
    twice = small.groupBy(*keys, _VERSION).agg(F.max(_FILE).alias(_KEPT), F.count("*").alias("_n"))
    twice = twice.where("_n > 1").select(*keys, _VERSION, _KEPT)
    rows = _joined(rows, several, ["id"]).where(F.col(_NEWEST).isNull() | (F.col(_VERSION) == F.col(_NEWEST)))
    rows = _joined(rows, twice, [*keys, _VERSION]).where(F.col(_KEPT).isNull() | (F.col(_KEPT) == F.col(_FILE)))
    return rows.select(*("`" + name.replace("`", "``") + "`" for name in table.columns))


def _joined(rows: DataFrame, few: DataFrame, keys: list[str]) -> DataFrame:
    """Returns a left join that moves no vectors, if possible."""
    # Told from the size of the table, a broadcast would be too large, and the join would begin with sorting vectors.
    return rows.join(F.broadcast(few) if few.count() <= _FEW else few, keys, "left")


def written_once(table: DataFrame) -> bool:
    """Returns whether all files of a table come from a single write by Spark, according to their names.

    Then no id is in it twice.
    """
    names = [path.rpartition("/")[2] for path in table.inputFiles()]
    writes = {found[1] if (found := _WRITE.match(name)) else None for name in names}
    return len(writes) <= 1 and None not in writes


def _version() -> Column:
    return F.struct("embedded_at", "content_hash")
