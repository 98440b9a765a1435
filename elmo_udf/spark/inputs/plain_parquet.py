"""Decides which tables consist only of Parquet files that pyarrow reads like Spark. Spark reads all others."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from elmo_udf.spark import internals
from elmo_udf.spark.arrow_files import open_file_system, place_of
from elmo_udf.spark.session import local_cores

log = logging.getLogger(__name__)

_KINDS = {
    T.StringType(): pa.string(),
    T.LongType(): pa.int64(),
    T.IntegerType(): pa.int32(),
    T.ArrayType(T.FloatType()): pa.list_(pa.field("element", pa.float32())),
    T.ArrayType(T.DoubleType()): pa.list_(pa.field("element", pa.float64())),
}
"""Types that have a single representation each in Parquet, Spark and pyarrow."""

_OPTIONS = {"path", "paths", "basepath", "mergeschema", "recursivefilelookup", "pathglobfilter"}
"""Options of a reader that determine files and columns, but not their content."""

_SETTINGS = (
    "spark.sql.files.ignoreCorruptFiles",
    "spark.sql.files.ignoreMissingFiles",
    "spark.sql.files.archive.reader.enabled",
    "spark.sql.parquet.binaryAsString",
    "spark.sql.parquet.fieldId.read.enabled",
    "spark.sql.execution.arrow.useLargeVarTypes",
)
"""Settings that are False by default, and change what is read or how it is passed on."""

_ENCRYPTION = "parquet.crypto.factory.class"
_CODECS = {"SNAPPY", "GZIP", "ZSTD", "BROTLI", "LZ4", "LZ4_RAW"}
"""Compression codecs that pyarrow reads too. Spark may have others, such as LZO."""
_MOST_FILES = 1000


@dataclass(frozen=True)
class Column:
    """A column: its names in the files and in the table, and its type in Arrow."""

    source: str
    name: str
    kind: pa.DataType


@dataclass(frozen=True)
class RowGroup:
    """A row group of a file. ``n_bytes`` is the uncompressed size of all its columns."""

    uri: str
    number: int
    n_rows: int
    n_bytes: int


def plain_parquet(table: DataFrame, shared: str | None) -> tuple[list[Column], list[RowGroup]] | None:
    """Returns what to read if tasks certainly read through pyarrow what Spark would read; otherwise None.

    Raises nothing: if something fails here, be it a file or a name that another Spark does not have, Spark reads the
    table.

    Args:
        shared: The URI of a folder that executors can read with pyarrow. In local mode they can read any file.
    """
    try:
        return _plain_parquet(table, shared)
    except Exception as error:
        log.debug("Spark reads a table by itself: %s", error, exc_info=True)
        return None


def _plain_parquet(table: DataFrame, shared: str | None) -> tuple[list[Column], list[RowGroup]] | None:
    relation = internals.relation_of(table)
    if relation is None or not _is_plain(table, relation):
        return None
    place = ("file", "") if local_cores(table.sparkSession.sparkContext.master) is not None else None
    places = {place, None if shared is None else place_of(shared)}
    uris = internals.files_of(relation, _MOST_FILES)
    if not uris or not all(place_of(uri) in places for uri in uris):
        return None
    columns = [Column(relation.sources[field.name], field.name, _KINDS[field.dataType]) for field in table.schema]
    with ThreadPoolExecutor(32) as pool:  # elsewhere than on this machine every look takes its time
        found = list(pool.map(lambda uri: _row_groups(uri, columns), uris))
    if any(groups is None for groups in found):
        return None
    return columns, [group for groups in found for group in groups or ()]


def opened(uri: str) -> tuple[fs.FileSystem, str]:
    """Returns the file system and the path of a file that Spark names by a URI, in which a space is %20."""
    file_system, path = open_file_system(uri)
    return file_system, unquote(path)


def _is_plain(table: DataFrame, relation: internals.Relation) -> bool:
    """Returns whether the columns are determined by the files alone, and the files are Parquet."""
    spark, columns = table.sparkSession, set(relation.sources.values())
    return (
        relation.format == "parquet.ParquetFileFormat"
        and columns <= relation.in_files
        and not any("." in column for column in columns)  # pyarrow takes it for a field of a field
        and all(field.dataType in _KINDS for field in table.schema)
        and relation.options <= _OPTIONS
        and all(spark.conf.get(name, "false") == "false" for name in _SETTINGS)
        and not (spark.conf.get(_ENCRYPTION, None) or internals.hadoop_configuration(spark).get(_ENCRYPTION))
    )


def _row_groups(uri: str, columns: list[Column]) -> list[RowGroup] | None:
    """Returns the row groups of a file if it has all columns with matching types; otherwise None."""
    file_system, path = opened(uri)
    with file_system.open_input_file(path) as source:
        footer = pq.read_metadata(source)
    schema = footer.schema.to_arrow_schema()
    names = schema.names
    if len({name.lower() for name in names}) < len(names) or not {one.source for one in columns} <= set(names):
        return None
    if not all(_fits(schema.field(one.source).type, one.kind) for one in columns):
        return None
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    if not all(_can_decompress(group) for group in groups):
        return None
    return [RowGroup(uri, number, one.num_rows, one.total_byte_size) for number, one in enumerate(groups)]


def _can_decompress(group: pq.RowGroupMetaData) -> bool:
    codecs = {group.column(i).compression for i in range(group.num_columns)} - {"UNCOMPRESSED"}
    return codecs <= _CODECS and all(pa.Codec.is_available(codec.lower()) for codec in codecs)


def _fits(kind: pa.DataType, wanted: pa.DataType) -> bool:
    """Returns whether a cast between the types loses nothing, and Spark would read one as the other."""
    if _is_list(kind) and _is_list(wanted):
        return _fits(kind.value_type, wanted.value_type)
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if _is_text(kind) and _is_text(wanted):
        return True
    alike = any(is_(kind) and is_(wanted) for is_ in (pa.types.is_signed_integer, pa.types.is_floating))
    return alike and bool(kind.bit_width <= wanted.bit_width) and not pa.types.is_float16(kind)


def _is_list(kind: pa.DataType) -> bool:
    return any(is_(kind) for is_ in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list))


def _is_text(kind: pa.DataType) -> bool:
    return any(is_(kind) for is_ in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))
