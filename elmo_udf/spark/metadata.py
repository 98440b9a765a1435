"""Describes how the vectors of a table were made, and decides which vectors can be compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.formats import UNNUMBERED, check_format, numbered
from elmo_udf.options import ModelOptions
from elmo_udf.secrets import without_secrets

FORMAT = 1
"""The format number of all tables. CONTRIBUTING.md says when it increases."""

COMPARED = ("fingerprint", "layer", "pooling", "width")
"""Parts of the metadata. If they differ, vectors can't be compared."""

MAY_DIFFER = ("model", "elmo_udf_version")
"""Parts of the metadata that may differ among the rows of a table, because a model can have several handles."""

_NOT_KEPT = ("model_sha256", "model_max_gib", "device")
"""Options that no vector depends on."""
_OPTIONS = tuple(item.name for item in fields(ModelOptions) if item.name not in _NOT_KEPT)


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
        """Returns the metadata of a table that is made with these options."""
        values = without_secrets({name: getattr(options, name) for name in _OPTIONS})
        return TableMetadata(fingerprint=fingerprint, width=width, **numbered(FORMAT), **values)

    def options(self) -> dict[str, Any]:
        """Returns the model options that make such vectors again."""
        return {name: getattr(self, name) for name in _OPTIONS}

    @staticmethod
    def of_column(column: T.StructField, table: str = "the table") -> TableMetadata | None:
        """Returns the metadata of a column, or None for a column that is not ours.

        Raises UserError, which names ``table``, if a later version wrote it in a format that this version does not
        know.
        """
        said = {"format": UNNUMBERED} | column.metadata
        if "elmo_udf_version" in said:
            check_format(said, FORMAT, f"column {column.name!r} of {table}")
        names = {f.name for f in fields(TableMetadata)}
        return TableMetadata(**{name: said[name] for name in names}) if names <= said.keys() else None

    def as_dict(self) -> dict[str, Any]:
        """Returns plain values, for Spark's column metadata and for JSON."""
        return asdict(self)


def metadata_of(table: DataFrame, column: str, name: str = "the table") -> TableMetadata | None:
    """Returns how the vectors of ``column`` were made, or None if the column is not ours or does not exist.

    Raises UserError, which calls the table ``name``, if a later version made it in a format that this version does not
    know.
    """
    return TableMetadata.of_column(table.schema[column], name) if column in table.columns else None


def check_comparable(left: TableMetadata | None, right: TableMetadata | None, what: str) -> None:
    """Raises UserError if the vectors of two tables differ in meaning.

    Nothing is known about a foreign table (None).
    """
    if left is None or right is None:
        return
    for name in COMPARED:
        ours, theirs = getattr(left, name), getattr(right, name)
        if ours != theirs:
            raise UserError(
                f"{what}: {name} is {ours!r} on one side and {theirs!r} on the other; expected equal values; "
                "embed both with the same model and options"
            )
