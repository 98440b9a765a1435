"""Checks on the driver, before Spark reads a row, whether tables can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.similarity.kernels.cost import Shape
from elmo_udf.spark.inputs.columns import find_column
from elmo_udf.spark.metadata import check_comparable, metadata_of

_ID_TYPES = (
    T.StringType,
    T.IntegralType,
    T.FractionalType,
    T.DateType,
    T.TimestampType,
    T.TimestampNTZType,
    T.BinaryType,
    T.BooleanType,
)


@dataclass(frozen=True)
class Side:
    """A table to compare, with the columns ``id`` and ``embedding``, and its name in messages."""

    table: DataFrame
    name: str

    @property
    def id_type(self) -> T.DataType:
        """The type of the ids, which results keep."""
        return self.table.schema["id"].dataType

    @property
    def value_type(self) -> T.DataType:
        """The type of the values: FloatType or DoubleType."""
        kind = self.table.schema["embedding"].dataType
        assert isinstance(kind, T.ArrayType)
        return kind.elementType


def sides_of(
    left: DataFrame, right: DataFrame | None, id_column: str, embedding_column: str, names: tuple[str, str]
) -> tuple[Side, ...]:
    """Returns the one or two tables after checks of columns, types and, where it is known, how their vectors were made.

    Raises UserError if they can't be compared.
    """
    one = _side(left, id_column, embedding_column, names[0])
    if right is None:
        return (one,)
    other = _side(right, id_column, embedding_column, names[1])
    metadata = [metadata_of(table, embedding_column) for table in (left, right)]
    check_comparable(metadata[0], metadata[1], f"tables {names[0]!r} and {names[1]!r}")
    return one, other


def width_of(side: Side) -> int:
    """Returns the width of one vector of the table, or 1 if there is none."""
    sized = side.table.select(F.size("embedding").alias("width")).where("width > 0").first()
    return 1 if sized is None else int(sized.width)


def shape_of(sides: Sequence[Side], n_rows: Sequence[int], width: int, kept: int) -> Shape:
    """Returns the sizes of a comparison of tables with ``n_rows`` rows and ``kept`` results per row (0 for pairs)."""
    value_bytes = max(8 if isinstance(side.value_type, T.DoubleType) else 4 for side in sides)
    n_right = n_rows[1] if len(n_rows) > 1 else None
    numbers = all(isinstance(side.id_type, (T.IntegralType, T.FractionalType)) for side in sides)
    return Shape(n_rows[0], n_right, width, value_bytes, min(kept, n_rows[-1]), 8 if numbers else 20)


def _side(table: DataFrame, id_column: str, embedding_column: str, name: str) -> Side:
    ids, id_type = _column(table, id_column, "--id-column", name)
    vectors, vector_type = _column(table, embedding_column, "--embedding-column", name)
    metadata = metadata_of(table, embedding_column, f"table {name!r}")
    _check_id(id_type, id_column, name)
    _check_embedding(vector_type, embedding_column, name)
    if metadata is not None and metadata.level != "document" and id_column == "id":
        raise UserError(
            f"table {name!r} has one row per {metadata.level}, so its ids repeat; expected one row per document; "
            "embed with --level document, or name a column with an id for every row with --id-column"
        )
    return Side(table.select(ids.alias("id"), vectors.alias("embedding")), name)


def _column(table: DataFrame, column: str, flag: str, name: str) -> tuple[Column, T.DataType]:
    found = find_column(table, column)
    if found is None:
        raise UserError(
            f"table {name!r} has no column {column!r}; found {', '.join(table.columns)}; name one with {flag}"
        )
    return found


def _check_id(kind: T.DataType, column: str, name: str) -> None:
    collated = isinstance(kind, T.StringType) and kind.collation != "UTF8_BINARY"
    if collated or not isinstance(kind, _ID_TYPES):
        raise UserError(
            f"table {name!r}: id column {column!r} is {kind.simpleString()}, expected a plain type that can be "
            "ordered, such as string or bigint; name another with --id-column"
        )


def _check_embedding(kind: T.DataType, column: str, name: str) -> None:
    if not isinstance(kind, T.ArrayType) or not isinstance(kind.elementType, (T.FloatType, T.DoubleType)):
        raise UserError(
            f"table {name!r}: embedding column {column!r} is {kind.simpleString()}, expected array<float> or "
            "array<double>; name another with --embedding-column"
        )
