"""Converts texts to rows of the embedding table in one step, on Arrow batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyspark.sql import types as T

from elmo_udf.embedding.documents import EmbeddedDocument
from elmo_udf.embedding.layout import Layout
from elmo_udf.embedding.stats import WorkerStats
from elmo_udf.embedding.worker import embed_in_worker
from elmo_udf.options import ModelOptions

if TYPE_CHECKING:
    from pyspark import Accumulator

Batches = Iterator[pa.RecordBatch]

REASON, DETAIL = "_embedding_reason", "_embedding_detail"
"""Columns with the reason why a document has no vector. No column of a user has these names."""

_COUNTS = ("n_tokens", "n_sentences", "n_truncated")

_BATCH_BYTES = 2**26
"""Approximate size of a batch in bytes. A kept column that is repeated with every token could exceed Arrow's 2 GiB."""


def row_fields(level: str) -> list[T.StructField]:
    """Returns the columns that a document becomes, in the table's order."""
    fields = [T.StructField("embedding", T.ArrayType(T.FloatType(), False))]
    fields += [T.StructField(name, T.IntegerType()) for name in _COUNTS]
    if level in ("sentence", "token"):
        fields.append(T.StructField("sentence_index", T.IntegerType()))
    if level == "token":
        fields += [T.StructField("token_index", T.IntegerType()), T.StructField("token", T.StringType())]
    return fields


def embedded_batches(
    text_column: str,
    model_file: str,
    options: ModelOptions,
    layout: Layout,
    stats: Accumulator[WorkerStats],
    column_names: list[str],
) -> Callable[[Batches], Batches]:
    """Returns a function for ``mapInArrow`` that embeds ``text_column`` and repeats the other columns with every row.

    Its batches have the columns ``column_names``: those of :func:`row_fields`, REASON, DETAIL and the others. A
    rejected document stays one row, with a NULL embedding and its reason.
    """

    def embed(batches: Batches) -> Batches:
        waiting: list[pa.RecordBatch] = []  # rows whose texts were handed over and have not come back

        def texts() -> Iterator[Any]:
            for batch in batches:
                waiting.append(batch.drop_columns([text_column]))
                yield from batch.column(text_column).to_pylist()

        for documents in embed_in_worker(texts(), model_file, options, layout, stats):
            while documents:
                carried, *waiting[:] = waiting
                n = min(len(documents), carried.num_rows)
                yield from rows_of(carried.slice(0, n), documents[:n], layout, column_names)
                documents = documents[n:]
                if n < carried.num_rows:
                    waiting.insert(0, carried.slice(n))

    return embed


def rows_of(
    carried: pa.RecordBatch, documents: list[EmbeddedDocument], layout: Layout, column_names: list[str]
) -> Iterator[pa.RecordBatch]:
    """Yields the table's rows of some documents in slices of about 64 MiB. ``carried`` has one row per document."""
    rejected = np.array([document.reason is not None for document in documents])  # (B,)
    n_rows = np.where(rejected, 1, [len(document.vectors) for document in documents])  # (B,)
    row_rejected = np.repeat(rejected, n_rows)  # (R,)
    embedded = [document for document in documents if document.reason is None]
    columns = {"embedding": _vectors(embedded, row_rejected, layout.row_width)}
    for name, values in _values(embedded, layout.level).items():
        columns[name] = _at_rows(values, row_rejected)
    # What a document has once is repeated with each of its rows, slice by slice.
    once = dict(zip(carried.schema.names, carried.columns, strict=True))
    once[REASON] = pa.array([document.reason for document in documents], pa.string())
    once[DETAIL] = pa.array([document.detail or None for document in documents], pa.string())
    source = pa.array(np.repeat(np.arange(len(documents)), n_rows))  # (R,) the document of each row
    for rows in _slices(list(once.values()), n_rows, layout.row_width):
        part = {name: column[rows] for name, column in columns.items()}
        part |= {name: column.take(source[rows]) for name, column in once.items()}
        yield pa.RecordBatch.from_arrays([part[name] for name in column_names], names=column_names)


def _values(documents: Iterable[EmbeddedDocument], level: str) -> dict[str, pa.Array]:
    """Returns the columns of :func:`row_fields` except the vectors, for the rows of consecutive documents."""
    values: dict[str, list[Any]] = {field.name: [] for field in row_fields(level)[1:]}
    for document in documents:
        for name, counts in zip(_COUNTS, document.counts(level), strict=True):
            values[name] += counts
        for (i, places), sentence in zip(document.tokenized.places(), document.tokenized.sentences, strict=True):
            if level == "sentence":
                values["sentence_index"].append(i)
            elif level == "token":
                values["sentence_index"] += [i] * len(sentence)
                values["token_index"] += places
                values["token"] += sentence
    return {name: pa.array(column, pa.string() if name == "token" else pa.int32()) for name, column in values.items()}


def _vectors(documents: list[EmbeddedDocument], row_rejected: np.ndarray, width: int) -> pa.ListArray:
    """Returns array<float> of width ``width`` per row, on the memory of one array. It is NULL for rejected rows."""
    rows = np.concatenate([document.vectors for document in documents]) if documents else np.empty((0, width), "f4")
    offsets = np.concatenate([[0], np.cumsum(np.where(row_rejected, 0, width))]).astype(np.int32)
    mask = pa.array(row_rejected) if row_rejected.any() else None
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(rows.ravel()), mask=mask)


def _at_rows(values: pa.Array, row_rejected: np.ndarray) -> pa.Array:
    """Returns values (one for each row that is not rejected) at their rows, and NULL at rejected rows."""
    position = np.cumsum(~row_rejected) - 1
    return values.take(pa.array(position, mask=row_rejected))


def _slices(once: list[pa.Array], n_rows: np.ndarray, width: int) -> Iterator[slice]:
    """Yields runs of rows of about _BATCH_BYTES, at least one row. ``n_rows`` (B,) is the number per document."""
    document_bytes = [sum(column.slice(i, 1).nbytes for column in once) for i in range(len(n_rows))]
    ends = np.cumsum(np.repeat(np.array(document_bytes, np.int64) + 4 * width, n_rows))  # (R,) bytes up to each row
    start = 0
    while start < len(ends):
        limit = _BATCH_BYTES + (ends[start - 1] if start else 0)
        stop = max(start + 1, int(np.searchsorted(ends, limit, side="right")))
        yield slice(start, stop)
        start = stop
