"""Which tables are nothing but Parquet files that pyarrow reads as Spark does; all others are Spark's alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from py4j.java_gateway import JavaObject
from pyarrow import fs
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from elmo_udf.spark.arrow_files import open_file_system, place_of
from elmo_udf.spark.session import local_cores

_KINDS = {
    T.StringType(): pa.string(),
    T.LongType(): pa.int64(),
    T.IntegerType(): pa.int32(),
    T.ArrayType(T.FloatType()): pa.list_(pa.float32()),
    T.ArrayType(T.DoubleType()): pa.list_(pa.float64()),
}
"""Types that Parquet, Spark and pyarrow all hold in one way only."""

_OPTIONS = {"path", "paths", "basepath", "mergeschema", "recursivefilelookup", "pathglobfilter"}
"""Options of a reader that say which files there are, and nothing of what is in them."""

_SETTINGS = ("files.ignoreCorruptFiles", "files.ignoreMissingFiles", "parquet.binaryAsString")
"""Of ``spark.sql``, false by default: what else changes what is read as these types."""

_SOURCE = "org.apache.spark.sql.execution.datasources."
_MOST_FILES = 2000


@dataclass(frozen=True)
class Column:
    """A column by its names in the files and in the table, and its type in Arrow."""

    source: str
    name: str
    kind: pa.DataType


def plain_files(table: DataFrame, shared: str | None) -> tuple[list[str], list[Column]] | None:
    """The addresses of the files of a table, and its columns in them, where tasks can certainly read them; or None.

    shared: the URI of a folder that executors were seen to read through pyarrow. In local mode they read any file.
    """
    columns = _columns(table)
    uris = None if columns is None else _readable(table, shared)
    if columns is None or not uris:
        return None
    file_system, path = opened(uris[0])
    try:
        there = pq.read_schema(path, filesystem=file_system)
    except (OSError, pa.ArrowException):  # Spark says it better
        return None
    fit = all(name is None or fits(there.field(name).type, one.kind) for one, name in found(columns, there.names))
    return (uris, columns) if fit else None


def _columns(table: DataFrame) -> list[Column] | None:
    """What to read of the files, where the table is some columns of all rows of Parquet files, in types of _KINDS."""
    plan, sources = table._jdf.queryExecution().optimizedPlan(), {name: name for name in table.columns}
    if _name(plan) == "org.apache.spark.sql.catalyst.plans.logical.Project":
        for expression in _items(plan.projectList()):
            child = expression.child() if _name(expression).endswith(".Alias") else expression
            if not _name(child).endswith(".AttributeReference"):
                return None
            sources[expression.name()] = child.name()
        plan = plan.child()
    if _name(plan) != f"{_SOURCE}LogicalRelation" or _name(plan.relation()) != f"{_SOURCE}HadoopFsRelation":
        return None
    relation = plan.relation()
    in_files = set(relation.dataSchema().fieldNames()) - set(relation.partitionSchema().fieldNames())
    plain = (
        _name(relation.fileFormat()) == f"{_SOURCE}parquet.ParquetFileFormat"
        and {key.lower() for key in _items(relation.options().keys().toSeq())} <= _OPTIONS
        and all(table.sparkSession.conf.get(f"spark.sql.{name}") == "false" for name in _SETTINGS)
        and all(field.dataType in _KINDS and sources[field.name] in in_files for field in table.schema)
        and not any("." in source for source in sources.values())  # pyarrow takes it for a field of a field
    )
    return [Column(sources[f.name], f.name, _KINDS[f.dataType]) for f in table.schema] if plain else None


def _name(of: JavaObject) -> str:
    return str(of.getClass().getName())


def _items(of: JavaObject) -> list[Any]:
    """What is in a Seq of Scala's."""
    return [of.apply(i) for i in range(of.size())]


def _readable(table: DataFrame, shared: str | None) -> list[str] | None:
    """The files of the table, where tasks can certainly read them through pyarrow."""
    files = table.inputFiles()
    place = ("file", "") if local_cores(table.sparkSession.sparkContext.master) is not None else None
    places = {place, None if shared is None else place_of(shared)}
    return files if len(files) <= _MOST_FILES and all(place_of(uri) in places for uri in files) else None


def opened(uri: str) -> tuple[fs.FileSystem, str]:
    """The file system and path of a file as Spark names it: in URIs a space is %20."""
    file_system, path = open_file_system(uri)
    return file_system, unquote(path)


def found(columns: Sequence[Column], names: Sequence[str]) -> list[tuple[Column, str | None]]:
    """The columns with their names in a file, or None; where there is none, one of another case, as for Spark."""
    by_case = {name.lower(): name for name in reversed(names)}
    return [(one, one.source if one.source in names else by_case.get(one.source.lower())) for one in columns]


def fits(kind: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether a cast from the one to the other loses nothing, and Spark reads the one as the other."""
    if _is_list(kind) and _is_list(wanted):
        return fits(kind.value_type, wanted.value_type)
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if _is_text(kind) and _is_text(wanted):
        return True
    return kind.num_fields == 0 and any(
        is_(kind) and is_(wanted) and kind.bit_width <= wanted.bit_width
        for is_ in (pa.types.is_integer, pa.types.is_floating)
    )


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
