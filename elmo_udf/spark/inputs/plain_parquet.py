"""Which tables are nothing but Parquet files that pyarrow reads as Spark does; all others are Spark's alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from py4j.java_gateway import JavaObject
from pyarrow import fs
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.spark.arrow_files import open_file_system, place_of
from elmo_udf.spark.session import local_cores

_KINDS = {
    T.StringType(): pa.string(),
    T.LongType(): pa.int64(),
    T.IntegerType(): pa.int32(),
    T.ArrayType(T.FloatType()): pa.list_(pa.field("element", pa.float32())),
    T.ArrayType(T.DoubleType()): pa.list_(pa.field("element", pa.float64())),
}
"""Types that Parquet, Spark and pyarrow all hold in one way only."""

_OPTIONS = {"path", "paths", "basepath", "mergeschema", "recursivefilelookup", "pathglobfilter"}
"""Options of a reader that say which files and columns there are, and nothing of what is in them."""

_SETTINGS = (
    "spark.sql.files.ignoreCorruptFiles",
    "spark.sql.files.ignoreMissingFiles",
    "spark.sql.files.archive.reader.enabled",
    "spark.sql.parquet.binaryAsString",
    "spark.sql.parquet.fieldId.read.enabled",
    "spark.sql.execution.arrow.useLargeVarTypes",
)
"""False by default; they change what is read, or how it is handed over."""

_ENCRYPTION = "parquet.crypto.factory.class"
_SOURCE = "org.apache.spark.sql.execution.datasources."
_MOST_FILES = 1000


@dataclass(frozen=True)
class Column:
    """A column by its names in the files and in the table, and its type in Arrow."""

    source: str
    name: str
    kind: pa.DataType


@dataclass(frozen=True)
class RowGroup:
    """A row group of a file; ``n_bytes`` of all its columns, not compressed."""

    uri: str
    number: int
    n_rows: int
    n_bytes: int


def plain_parquet(table: DataFrame, shared: str | None) -> tuple[list[Column], list[RowGroup]] | None:
    """What to read, where tasks certainly read through pyarrow what Spark would read; None where that is not certain.

    shared: the URI of a folder that executors were seen to read through pyarrow. In local mode they read any file.
    """
    relation, sources = _relation(table)
    if relation is None or not _is_plain(table, relation, set(sources.values())):
        return None
    place = ("file", "") if local_cores(table.sparkSession.sparkContext.master) is not None else None
    uris = _files(table.sparkSession, relation, {place, None if shared is None else place_of(shared)})
    if not uris:
        return None
    columns = [Column(sources[field.name], field.name, _KINDS[field.dataType]) for field in table.schema]
    try:
        with ThreadPoolExecutor(32) as pool:  # elsewhere than on this machine every look takes its time
            found = list(pool.map(lambda uri: _row_groups(uri, columns), uris))
    except (OSError, pa.ArrowException, UserError):  # Spark says it better
        return None
    if any(groups is None for groups in found):
        return None
    return columns, [group for groups in found for group in groups or ()]


def opened(uri: str) -> tuple[fs.FileSystem, str]:
    """The file system and path of a file as Spark names it: in URIs a space is %20."""
    file_system, path = open_file_system(uri)
    return file_system, unquote(path)


def _relation(table: DataFrame) -> tuple[JavaObject | None, dict[str, str]]:
    """The files that a table is nothing but columns of, and these columns' names in them; or None."""
    plan, sources = table._jdf.queryExecution().optimizedPlan(), {name: name for name in table.columns}
    if len(sources) < len(table.columns):  # two columns of one name
        return None, {}
    if _name(plan) == "org.apache.spark.sql.catalyst.plans.logical.Project":
        for expression in _items(plan.projectList()):
            child = expression.child() if _name(expression).endswith(".Alias") else expression
            if not _name(child).endswith(".AttributeReference"):
                return None, {}
            sources[expression.name()] = child.name()
        plan = plan.child()
    is_files = _name(plan) == f"{_SOURCE}LogicalRelation" and _name(plan.relation()) == f"{_SOURCE}HadoopFsRelation"
    return (plan.relation(), sources) if is_files else (None, {})


def _is_plain(table: DataFrame, relation: JavaObject, columns: set[str]) -> bool:
    """Whether nothing but the files themselves, which are Parquet, says what these columns of them are."""
    spark, context = table.sparkSession, table.sparkSession.sparkContext
    in_files = set(relation.dataSchema().fieldNames()) - set(relation.partitionSchema().fieldNames())
    return (
        _name(relation.fileFormat()) == f"{_SOURCE}parquet.ParquetFileFormat"
        and columns <= in_files
        and not any("." in column for column in columns)  # pyarrow takes it for a field of a field
        and all(field.dataType in _KINDS for field in table.schema)
        and {key.lower() for key in _items(relation.options().keys().toSeq())} <= _OPTIONS
        and all(spark.conf.get(name, "false") == "false" for name in _SETTINGS)
        and not (spark.conf.get(_ENCRYPTION, None) or context._jsc.hadoopConfiguration().get(_ENCRYPTION))
    )


def _files(spark: SparkSession, relation: JavaObject, places: set[tuple[str, str] | None]) -> list[str] | None:
    """The addresses of the files that Spark would scan, where they are not too many, and all in one of the places."""
    no_filter = spark.sparkContext._jvm.org.apache.spark.api.python.PythonUtils.toSeq([])  # type: ignore[union-attr]
    # Not all files that lie there: none that is empty, none beside the folders of a table that has some.
    listed = relation.location().listFiles(no_filter, no_filter)
    if listed.size() > _MOST_FILES:
        return None
    folders = list(_items(listed))
    if sum(folder.files().size() for folder in folders) > _MOST_FILES:
        return None
    uris = [file.fileStatus().getPath().toUri().toString() for folder in folders for file in _items(folder.files())]
    return uris if all(place_of(uri) in places for uri in uris) else None


def _row_groups(uri: str, columns: list[Column]) -> list[RowGroup] | None:
    """The row groups of a file, where it has all columns, by these names, in types that fit."""
    file_system, path = opened(uri)
    with file_system.open_input_file(path) as source:
        footer = pq.read_metadata(source)
    schema = footer.schema.to_arrow_schema()
    names = schema.names
    if len({name.lower() for name in names}) < len(names) or not {one.source for one in columns} <= set(names):
        return None
    if not all(_fits(schema.field(one.source).type, one.kind) for one in columns):
        return None
    groups = (footer.row_group(number) for number in range(footer.num_row_groups))
    return [RowGroup(uri, number, one.num_rows, one.total_byte_size) for number, one in enumerate(groups)]


def _fits(kind: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether a cast from the one to the other loses nothing, and Spark reads the one as the other."""
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


def _name(of: JavaObject) -> str:
    return str(of.getClass().getName())


def _items(of: JavaObject) -> Iterator[Any]:
    """What is in a Seq of Scala's."""
    return (of.apply(i) for i in range(of.size()))
