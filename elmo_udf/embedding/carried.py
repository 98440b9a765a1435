"""Checks which columns of the input an embedding table can keep."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import types as T

from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.errors import UserError
from elmo_udf.spark.inputs.documents import kept_columns
from elmo_udf.spark.outputs.outcomes import DETAIL, OUTCOME

_RESERVED = (
    *("id", "embedding", "n_tokens", "n_sentences", "n_truncated"),
    *("content_hash", "model", "embedded_at", OUTCOME, DETAIL),
)
_RESERVED_BY_LEVEL = {
    "document": (),
    "sentence": ("sentence_index",),
    "token": ("sentence_index", "token_index", "token"),
}


def flags_of(options: EmbedOptions) -> dict[str, str]:
    """Returns the columns to keep, each with the option that named it."""
    by = {True: "--partition-by", False: "--keep-columns"}
    return {name: by[name in options.partition_by] for name in options.carried_columns}


def check_carried(documents: DataFrame, options: EmbedOptions) -> None:
    """Raises UserError for names of the table's own columns, and for types that Spark can't exchange with Python.

    Names are compared as Spark compares them, without case.
    """
    taken = [*_RESERVED, *_RESERVED_BY_LEVEL[options.level]]
    for name in options.carried_columns:
        if name.lower() in taken:
            raise UserError(f"column to keep {name!r} is the name of another column of the embedding table; rename it")
        taken.append(name.lower())
    for name, ours in zip(options.carried_columns, kept_columns(documents), strict=True):
        kind = documents.schema[ours].dataType
        if name in options.partition_by:
            _check_partition(name, kind)
        if _has_months(kind):
            raise UserError(
                f"column to keep {name!r} is {kind.simpleString()}, and Spark can't bring "
                "intervals of years and months to Python; expected another type; cast it to string, or leave it out"
            )


def _check_partition(name: str, kind: T.DataType) -> None:
    """Raises UserError for types whose values don't come back unchanged from the names of partition folders."""
    if not isinstance(kind, (T.StringType, T.IntegralType, T.DateType, T.BooleanType)):
        raise UserError(
            f"column {name!r} of --partition-by is {kind.simpleString()}, expected string, a whole number, date or "
            "boolean; cast it, or name another"
        )


def _has_months(kind: T.DataType) -> bool:
    if isinstance(kind, T.ArrayType):
        return _has_months(kind.elementType)
    if isinstance(kind, T.MapType):
        return _has_months(kind.keyType) or _has_months(kind.valueType)
    if isinstance(kind, T.StructType):
        return any(_has_months(field.dataType) for field in kind)
    return isinstance(kind, T.YearMonthIntervalType)
