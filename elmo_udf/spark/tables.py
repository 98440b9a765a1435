"""Embedding tables: their metadata, reading them, and which of them can be compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.formats import UNNUMBERED, check_format, numbered
from elmo_udf.options import ModelOptions
from elmo_udf.spark import files
from elmo_udf.spark.complaints import reading
from elmo_udf.spark.versions import newest_rows

SIDECAR = "_elmo.json"
"""Beside the data of a table of ours; readers of Parquet skip names that begin with an underscore."""

FORMAT = 1
"""Of all tables. CONTRIBUTING.md says when the number goes up."""

COMPARED = ("fingerprint", "layer", "pooling", "width")
"""Of the metadata: where these differ, vectors can't be compared."""

MAY_DIFFER = ("model", "elmo_udf_version")
"""Of the metadata: these may differ among the rows of one table. One model has many handles, and versions follow."""

_OPTIONS = tuple(item.name for item in fields(ModelOptions) if item.name not in ("model_sha256", "device"))


@dataclass(frozen=True)
class TableMetadata:
    """How the vectors of a table were made: metadata of its ``embedding`` column, and part of ``_elmo.json``."""

    model: str
    fingerprint: str
    layer: str
    pooling: str
    level: str
    tokenizer: str
    language: str
    max_sentence_tokens: int
    precision: str
    normalize: bool
    width: int
    format: int
    elmo_udf_version: str

    @staticmethod
    def of_options(options: ModelOptions, fingerprint: str, width: int) -> TableMetadata:
        """What a table made with these options will say."""
        values = {name: getattr(options, name) for name in _OPTIONS}
        return TableMetadata(fingerprint=fingerprint, width=width, **numbered(FORMAT), **values)

    def options(self) -> dict[str, Any]:
        """The model options that make such vectors again."""
        return {name: getattr(self, name) for name in _OPTIONS}

    @staticmethod
    def of_column(column: T.StructField, table: str = "the table") -> TableMetadata | None:
        """What the column says, or None for a column that is not ours.

        Raises UserError, which names ``table``, where a later version wrote it in a format that this one does not know.
        """
        said = {"format": UNNUMBERED} | column.metadata
        if "elmo_udf_version" in said:
            check_format(said, FORMAT, f"column {column.name!r} of {table}")
        names = {f.name for f in fields(TableMetadata)}
        return TableMetadata(**{name: said[name] for name in names}) if names <= said.keys() else None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for Spark's column metadata and for JSON."""
        return asdict(self)


def read_table(spark: SparkSession, path: str) -> DataFrame:
    """The Parquet table at ``path``; of an embedding table of ours the newest rows of each id, each once.

    Raises UserError where there is none.
    """
    table = read_rows(spark, path)
    return newest_rows(table) if metadata_of(table, "embedding") is not None else table


def read_rows(spark: SparkSession, path: str) -> DataFrame:
    """All rows of the Parquet table at ``path`` as they lie there.

    Raises UserError where there is none, and where a later version wrote it in a format that this one does not know.
    """
    if not _is_glob(path) and not files.exists(spark, path):
        raise UserError(f"table {path!r} does not exist; expected a Parquet table; check the path")
    kinds = partition_types(spark, path)
    with reading(f"table {path!r}", "Parquet files", quiet=True):
        table = spark.read.parquet(path)
        metadata_of(table, "embedding", f"table {path!r}")  # refuses a later format, of a glob too
        if not kinds:
            return table
        # Spark guesses types from the names of folders, and would make 7 of "007".
        schema = T.StructType(
            [T.StructField(f.name, kinds.get(f.name, f.dataType), f.nullable, f.metadata) for f in table.schema]
        )
        return spark.read.schema(schema).parquet(path)


def _is_glob(path: str) -> bool:
    return any(character in path for character in "*?{[")


def partition_types(spark: SparkSession, path: str) -> dict[str, T.DataType]:
    """The columns that are folders of a table of ours, and their types; none for any other table."""
    schema = (read_sidecar(spark, path) or {}).get("partition_by")
    return {field.name: field.dataType for field in T.StructType.fromJson(schema)} if schema else {}


def read_sidecar(spark: SparkSession, path: str) -> dict[str, Any] | None:
    """What a table of ours says of itself in ``_elmo.json``, with its format; None where there is none.

    Raises UserError where that is no JSON, and where a later version wrote the table in a format that this one does not
    know.
    """
    if _is_glob(path):
        return None
    try:
        text = files.read_text(spark, f"{path}/{SIDECAR}")
        if text is None:
            return None
        said = json.loads(text)
    except ValueError:  # of JSON, or of UTF-8
        said = None
    if not isinstance(said, dict):
        raise UserError(f"file '{path}/{SIDECAR}' is no JSON object, expected what a job wrote there; make it again")
    check_format(said, FORMAT, f"table {path!r}")
    return {"format": UNNUMBERED} | said


def read_embeddings(spark: SparkSession, path: str) -> DataFrame:
    """An embedding table of ours, with the metadata of its ``embedding`` column: one version of each id, the newest.

    Raises UserError for another table.
    """
    table = read_table(spark, path)
    if metadata_of(table, "embedding") is None:
        raise UserError(
            f"table {path!r} has no embedding column made by embed.py; found columns {table.columns}; "
            "make the table with jobs/embed.py"
        )
    return table


def metadata_of(table: DataFrame, column: str, name: str = "the table") -> TableMetadata | None:
    """How the vectors of ``column`` were made, or None for a column that is not ours or is not there.

    Raises UserError, which calls the table ``name``, where a later version made it in a format that this one does not
    know.
    """
    return TableMetadata.of_column(table.schema[column], name) if column in table.columns else None


def check_comparable(left: TableMetadata | None, right: TableMetadata | None, what: str) -> None:
    """Refuse two tables whose vectors mean different things; of a foreign table (None) nothing is known here."""
    if left is None or right is None:
        return
    for name in COMPARED:
        ours, theirs = getattr(left, name), getattr(right, name)
        if ours != theirs:
            raise UserError(
                f"{what}: {name} is {ours!r} on one side and {theirs!r} on the other; expected equal values; "
                "embed both with the same model and options"
            )


def check_additions(
    spark: SparkSession,
    outputs: tuple[str, str],
    metadata: TableMetadata,
    schema: T.StructType,
    partition_by: tuple[str, ...],
) -> bool:
    """Refuse to add vectors made another way, or other columns, to a table; whether there is a table.

    ``outputs``: paths of table and rejects; ``schema``: of the rows to add. Raises UserError.
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
        f"{name} {getattr(there, name)!r}, and this run has {ours!r}"
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
            f"table {path!r} has {', '.join(folders) or 'no columns'} as its folders, and this run "
            f"{', '.join(partition_by) or 'none'}; expected equal --partition-by; use that of the table, or another "
            "output"
        )
    _check_columns(path, table.schema, schema)


def check_new_ids(spark: SparkSession, path: str, documents: DataFrame) -> None:
    """Refuse to append documents whose id the table has already (UserError)."""
    table = read_rows(spark, path)
    twice = documents.join(table.select("id").distinct(), "id", "left_semi").select("id").limit(1).collect()
    if twice:
        raise UserError(
            f"table {path!r} has rows of ids of the input already, such as {twice[0].id!r}; expected new ids only; "
            "leave them out of the input, use --mode incremental, or another output"
        )


def rejects_schema(id_type: T.DataType, folders: Sequence[T.StructField] = ()) -> T.StructType:
    """Columns of a rejects table: id as in the input, reason, detail, and those that are folders."""
    schema = T.StructType().add("id", id_type).add("reason", "string").add("detail", "string")
    return T.StructType([*schema, *folders])


def _check_columns(path: str, found: T.StructType, ours: T.StructType) -> None:
    """Refuse other columns than those of a table: a file with others would make it unreadable."""
    there, here = ([f"{field.name} {field.dataType.simpleString()}" for field in schema] for schema in (found, ours))
    if there != here:
        only_there, only_here = (
            ", ".join(n for n in a if n not in b) or "none" for a, b in ((there, here), (here, there))
        )
        raise UserError(
            f"table {path!r} and this run have other columns: {only_there} only in the table, {only_here} only in this "
            "run; expected equal columns; change --keep-columns or the input, or use another output"
        )
