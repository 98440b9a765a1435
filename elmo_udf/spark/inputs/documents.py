"""Reads documents in any format. The columns are always id, TEXT, MALFORMED and those to keep."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.options import InputOptions
from elmo_udf.spark.inputs.columns import MALFORMED, find_column
from elmo_udf.spark.inputs.formats import read_input

TEXT = "_text"
"""Column with the text. It has a name of its own, so that a user's column "text" can be kept."""

_KEPT = "_kept_"
_NO_ID = (T.ArrayType, T.StructType, T.MapType, T.NullType, T.VariantType, T.YearMonthIntervalType)


def read_documents(
    spark: SparkSession, options: InputOptions, keep: Mapping[str, str] = MappingProxyType({})
) -> DataFrame:
    """Returns the input with the columns ``id``, TEXT, MALFORMED and the :func:`kept_columns`.

    A column may be a field of a struct, such as ``doc.body``. ``keep`` has further columns of the input, each with the
    user's option that named it. Only schemas and names are read. Raises UserError if the input does not exist or can't
    be read, and if columns are missing or have the wrong type.
    """
    kind, table = read_input(spark, options)
    id_column, text_column = ("id", "text") if kind == "text" else (options.id_column, options.text_column)
    has_malformed = kind in ("csv", "tsv", "json")
    hidden = {MALFORMED} if has_malformed else set()
    found = [name for name in table.columns if name not in hidden]
    if not found:
        raise UserError(f"input {options.input!r} is empty, expected columns and rows; check the path")
    wanted = [(id_column, "--id-column"), (text_column, "--text-column"), *keep.items()]
    columns = {name: None if name in hidden else find_column(table, name) for name, _ in wanted}
    for name, flag in wanted:
        if columns[name] is None:
            what = flag[2:].replace("-", " ") if flag.endswith("-column") else "column to keep"
            where = f"is not in input {options.input!r}; found {found}"
            raise UserError(f"{what} {name!r} {where}; name another with {flag}{_tabs(found)}")
    at = {name: column for name, column in columns.items() if column is not None}
    check_text_type(at[text_column][1], text_column)
    check_id_type(at[id_column][1], id_column)
    malformed = F.col(MALFORMED) if has_malformed else F.lit(None).cast("string").alias(MALFORMED)
    kept = [at[name][0].alias(f"{_KEPT}{i}") for i, name in enumerate(keep)]
    return table.select(at[id_column][0].alias("id"), at[text_column][0].alias(TEXT), malformed, *kept)


def _tabs(found: list[str]) -> str:
    """Returns the advice for a header that is one name with tabs in it."""
    return ", or add --input-format tsv, as there are tabs" if len(found) == 1 and "\t" in found[0] else ""


def kept_columns(documents: DataFrame) -> list[str]:
    """Returns our own names of the columns to keep, in order.

    A user's name may contain dots, or be one of our names.
    """
    return [name for name in documents.columns if name.startswith(_KEPT)]


def check_text_type(kind: T.DataType, name: str) -> None:
    """Raises UserError if a text column contains neither strings nor lists of tokens."""
    tokens = kind.elementType if isinstance(kind, T.ArrayType) else kind
    tokens = tokens.elementType if isinstance(tokens, T.ArrayType) else tokens
    if not isinstance(tokens, T.StringType):
        raise UserError(
            f"text column {name!r} is {kind.simpleString()}, expected string, array<string> (a tokenized "
            "sentence) or array<array<string>>; name another with --text-column"
        )


def check_id_type(kind: T.DataType, name: str) -> None:
    """Raises UserError if an id column has a type that can't be compared, or that tables can't store."""
    if isinstance(kind, _NO_ID):
        raise UserError(
            f"id column {name!r} is {kind.simpleString()}, expected a plain type such as string or bigint; "
            "name another with --id-column"
        )
