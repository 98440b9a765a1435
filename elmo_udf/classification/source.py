"""Reads documents with and without labels, from an embedding table or from texts, with the same columns."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.errors import UserError
from elmo_udf.options import InputOptions
from elmo_udf.spark.inputs.columns import MALFORMED, quoted
from elmo_udf.spark.inputs.formats import read_input
from elmo_udf.spark.metadata import TableMetadata, check_comparable, metadata_of

_LABELS = (T.StringType, T.IntegralType, T.BooleanType)


@dataclass(frozen=True)
class Source:
    """Documents with the columns ``id``, ``label`` (string, or NULL if there is none), ``text`` and ``embedding``."""

    documents: DataFrame
    """``text`` or ``embedding`` is missing if the input does not have it."""
    has_vectors: bool
    metadata: TableMetadata | None
    """How the vectors were made, or None for texts and for tables of others."""


def read_source(spark: SparkSession, path: str, options: ClassifyOptions, label_column: str | None) -> Source:
    """Returns the documents at ``path``. A table with the embedding column has vectors; others are texts.

    Raises UserError if columns are missing.
    """
    _, table = read_input(spark, InputOptions(input=path, input_format=options.input_format))
    has_vectors = options.embedding_column in table.columns
    metadata = metadata_of(table, options.embedding_column, f"input {path!r}")
    needed = {"--id-column": options.id_column}
    needed |= {"--label-column": label_column} if label_column else {}
    needed |= {"--text-column": options.text_column} if not has_vectors or options.tfidf else {}
    for flag, name in needed.items():
        if name not in table.columns:
            also = "" if has_vectors or flag != "--text-column" else f" (nor an embedding {options.embedding_column!r})"
            found = [column for column in table.columns if column != MALFORMED]
            raise UserError(f"input {path!r} has no column {name!r}{also}; found {found}; name another with {flag}")
    _check_types(table, path, options, label_column, has_vectors)
    columns = [quoted(options.id_column).alias("id"), _label(label_column).alias("label")]
    if has_vectors:
        columns.append(quoted(options.embedding_column).alias("embedding"))
    if options.text_column in table.columns:
        columns.append(quoted(options.text_column).alias("text"))
    return Source(table.select(*columns), has_vectors, metadata)


def check_sources(train: Source, test: Source | None, options: ClassifyOptions) -> None:
    """Raises UserError for options that don't apply to a table of vectors, and for a --test of another kind."""
    if train.has_vectors:
        made_by = train.metadata.model if train.metadata else None
        other_model = options.model not in (made_by, ClassifyOptions.model)
        flags = (("steps", bool(options.steps)), ("learn-mix", options.learn_mix), ("model", other_model))
        for name, given in flags:
            if given:
                raise UserError(
                    f"--{name} needs the texts, and {options.train!r} is a table of vectors; "
                    "leave out the option, or give the texts as --train"
                )
    if test is None:
        return
    if test.has_vectors != train.has_vectors:
        kinds = {True: "a table of vectors", False: "texts"}
        raise UserError(
            f"train {options.train!r} is {kinds[train.has_vectors]}, and test {options.test!r} is "
            f"{kinds[test.has_vectors]}; expected the same kind for both; embed both, or none of them"
        )
    check_comparable(train.metadata, test.metadata, f"tables {options.train!r} and {options.test!r}")


def check_vectors(source: Source, path: str) -> int | None:
    """Raises UserError for vectors of several widths, and for NaN or infinity, in a table that is not ours.

    Returns the width.
    """
    if not source.has_vectors or source.metadata is not None:
        return None
    vector = F.col("embedding")
    broken = F.exists(vector, lambda value: value.isNull() | F.isnan(value) | (F.abs(value) == float("inf")))
    there = source.documents.where(vector.isNotNull())
    least, most, n_broken = there.select(F.min(F.size(vector)), F.max(F.size(vector)), F.count_if(broken)).collect()[0]
    if least != most or not most or n_broken:
        what = (
            f"{n_broken:,} vectors with NULL, NaN or infinite values" if n_broken else f"{least} to {most} values a row"
        )
        raise UserError(
            f"embeddings of {path!r} have {what}, expected vectors of one width and of finite numbers; repair the table"
        )
    return int(most)


def _label(name: str | None) -> Column:
    return (quoted(name) if name else F.lit(None)).cast("string")


def _check_types(
    table: DataFrame, path: str, options: ClassifyOptions, label_column: str | None, has_vectors: bool
) -> None:
    kinds = {name: table.schema[name].dataType for name in table.columns}
    if label_column and not isinstance(kinds[label_column], _LABELS):
        raise UserError(
            f"label column {label_column!r} of {path!r} is {kinds[label_column].simpleString()}, expected string, "
            "whole numbers or boolean; name another with --label-column"
        )
    vector = kinds.get(options.embedding_column)
    is_floats = isinstance(vector, T.ArrayType) and isinstance(vector.elementType, T.FractionalType)
    if has_vectors and vector is not None and not is_floats:
        raise UserError(
            f"embedding column {options.embedding_column!r} of {path!r} is {vector.simpleString()}, expected "
            "array<float>; name another with --embedding-column"
        )
    text = kinds.get(options.text_column)
    if (not has_vectors or options.tfidf) and not isinstance(text, T.StringType):
        raise UserError(
            f"text column {options.text_column!r} of {path!r} is {text.simpleString() if text else None}, expected "
            "string; name another with --text-column"
        )
