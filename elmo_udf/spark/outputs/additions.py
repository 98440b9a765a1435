"""Checks what is added to an existing table: its rows must be made in the same way, with the same columns."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.spark import files
from elmo_udf.spark.metadata import MAY_DIFFER, TableMetadata, metadata_of
from elmo_udf.spark.tables import partition_types, read_rows


def check_additions(
    spark: SparkSession,
    outputs: tuple[str, str],
    metadata: TableMetadata,
    schema: T.StructType,
    partition_by: tuple[str, ...],
) -> bool:
    """Raises UserError if vectors or columns to add differ from those of a table. Returns whether the table exists.

    ``outputs`` are the paths of the table and the rejects. ``schema`` is that of the rows to add.
    """
    path, rejects = outputs
    is_there = bool(files.list_names(spark, path))
    if is_there:
        _check_table(read_rows(spark, path), path, tuple(partition_types(spark, path)), metadata, schema, partition_by)
    if files.list_names(spark, rejects):
        ours = rejects_schema(schema["id"].dataType, [schema[name] for name in partition_by])
        _check_columns(rejects, read_rows(spark, rejects).schema, ours)
    return is_there


def _check_table(
    table: DataFrame,
    path: str,
    folders: tuple[str, ...],
    metadata: TableMetadata,
    schema: T.StructType,
    partition_by: tuple[str, ...],
) -> None:
    there = metadata_of(table, "embedding")
    if there is None:
        raise UserError(
            f"table {path!r} has no embedding column made by embed.py; found columns {table.columns}; "
            "expected a table of jobs/embed.py; use another output"
        )
    differences = [
        f"{name} {getattr(there, name)!r}, but this run has {ours!r}"
        for name, ours in metadata.as_dict().items()
        if getattr(there, name) != ours and name not in MAY_DIFFER
    ]
    if differences:
        raise UserError(
            f"table {path!r} was made with {'; with '.join(differences)}; expected equal options; "
            "use those of the table, or another output"
        )
    if folders != partition_by:
        raise UserError(
            f"table {path!r} has {', '.join(folders) or 'no columns'} as its partition columns, but this run has "
            f"{', '.join(partition_by) or 'none'}; expected equal --partition-by; use that of the table, or another "
            "output"
        )
    _check_columns(path, table.schema, schema)


def check_new_ids(spark: SparkSession, path: str, documents: DataFrame) -> None:
    """Raises UserError if the table already contains the id of a document to append."""
    table = read_rows(spark, path)
    twice = documents.join(table.select("id").distinct(), "id", "left_semi").select("id").limit(1).collect()
    if twice:
        raise UserError(
            f"table {path!r} already has ids of the input, such as {twice[0].id!r}; expected only new ids; "
            "leave them out of the input, or use --mode incremental, or choose another output"
        )


def rejects_schema(id_type: T.DataType, folders: Sequence[T.StructField] = ()) -> T.StructType:
    """Returns the columns of a rejects table: id as in the input, reason, detail and partition columns."""
    schema = T.StructType().add("id", id_type).add("reason", "string").add("detail", "string")
    return T.StructType([*schema, *folders])


def _check_columns(path: str, found: T.StructType, ours: T.StructType) -> None:
    """Raises UserError for other columns than those of a table, because such a file would make the table unreadable."""
    there, here = ([f"{field.name} {field.dataType.simpleString()}" for field in schema] for schema in (found, ours))
    if there != here:
        only_there, only_here = (
            ", ".join(n for n in a if n not in b) or "none" for a, b in ((there, here), (here, there))
        )
        raise UserError(
            f"table {path!r} and this run have other columns: {only_there} only in the table, {only_here} only in this "
            "run; expected equal columns; change --keep-columns or the input, or use another output"
        )
