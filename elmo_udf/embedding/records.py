"""What the job's UDF returns for a document, and how that becomes rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import types as T

from elmo_udf.embedding.documents import EmbeddedDocument

RECORD_COLUMN, REASON, DETAIL = "_record", "_record_reason", "_record_detail"
"""Names of columns between the UDF and the table, which no column of a user has."""

_COUNTS = ("n_tokens", "n_sentences", "n_truncated")
_INTEGERS = T.ArrayType(T.IntegerType(), False)

RECORD = T.StructType(
    [
        T.StructField("vectors", T.BinaryType()),
        *(T.StructField(name, _INTEGERS) for name in _COUNTS),
        T.StructField("sentence_index", _INTEGERS),
        T.StructField("token_index", _INTEGERS),
        T.StructField("token", T.ArrayType(T.StringType(), False)),
        T.StructField("reason", T.StringType()),
        T.StructField("detail", T.StringType()),
    ]
)
"""One document. ``vectors`` are float32 rows one after the other: bytes cross from pandas to Arrow uncopied, where
a list of floats is converted value by value. The arrays have an entry a row; token names only at level token."""


def to_frame(documents: list[EmbeddedDocument], level: str) -> pd.DataFrame:
    """RECORD structs of some documents, one a row."""
    return pd.DataFrame([_record(document, level) for document in documents], columns=RECORD.names, dtype=object)


def _record(document: EmbeddedDocument, level: str) -> tuple[object, ...]:
    if document.reason is not None:
        return b"", [], [], [], [], [], [], document.reason, document.detail
    sentences = document.tokenized.sentences
    sentence_index, token_index, tokens = [0], [0], []
    if level == "sentence":
        sentence_index, token_index = list(range(len(sentences))), [0] * len(sentences)
    elif level == "token":
        sentence_index = [i for i, sentence in enumerate(sentences) for _ in sentence]
        token_index = [j for sentence in sentences for j in range(len(sentence))]
        tokens = [token for sentence in sentences for token in sentence]
    vectors = np.ascontiguousarray(document.vectors, np.float32).tobytes()
    return vectors, *document.counts(level), sentence_index, token_index, tokens, None, None


def row_fields(level: str) -> list[T.StructField]:
    """The columns that a record becomes, in the table's order."""
    fields = [T.StructField("embedding", T.ArrayType(T.FloatType(), False))]
    fields += [T.StructField(name, T.IntegerType()) for name in _COUNTS]
    if level in ("sentence", "token"):
        fields.append(T.StructField("sentence_index", T.IntegerType()))
    if level == "token":
        fields += [T.StructField("token_index", T.IntegerType()), T.StructField("token", T.StringType())]
    return fields


_BATCH_BYTES = 2**26
"""About how much a batch of rows may hold: a kept column repeated with every token can exceed Arrow's 2 GiB."""


def rows_of_records(
    width: int, level: str, schema: T.StructType
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A mapInArrow function: RECORD_COLUMN becomes the columns of :func:`row_fields`, REASON and DETAIL.

    A rejected document stays one row, with a NULL embedding and its reason. The other columns are repeated.
    """
    names = [field.name for field in row_fields(level)]
    column_names = schema.names

    def expand(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            record = batch.column(batch.schema.get_field_index(RECORD_COLUMN))
            rejected = pc.is_valid(pc.struct_field(record, "reason")).to_numpy(zero_copy_only=False)  # (B,)
            n_rows = np.where(rejected, 1, pc.list_value_length(pc.struct_field(record, "n_tokens")).to_numpy())
            source = pa.array(np.repeat(np.arange(batch.num_rows), n_rows))  # (R,) document of each row
            row_rejected = np.repeat(rejected, n_rows)
            columns: dict[str, pa.Array] = {"embedding": _embeddings(record, row_rejected, width)}
            for name in names[1:]:
                columns[name] = _scatter(pc.list_flatten(pc.struct_field(record, name)), row_rejected)
            # What a document has once is repeated with each of its rows, slice by slice.
            repeated = {REASON: pc.struct_field(record, "reason"), DETAIL: pc.struct_field(record, "detail")}
            repeated |= {name: batch.column(name) for name in batch.schema.names if name != RECORD_COLUMN}
            for rows in _slices(list(repeated.values()), n_rows, width):
                part = {name: column[rows] for name, column in columns.items()}
                part |= {name: column.take(source[rows]) for name, column in repeated.items()}
                yield pa.RecordBatch.from_arrays([part[name] for name in column_names], names=column_names)

    return expand


def _slices(repeated: list[pa.Array], n_rows: np.ndarray, width: int) -> Iterator[slice]:
    """Runs of rows of about _BATCH_BYTES, at least one row each; ``n_rows`` (B,) is the number of each document."""
    document_bytes = [sum(column.slice(i, 1).nbytes for column in repeated) for i in range(len(n_rows))]
    ends = np.cumsum(np.repeat(np.array(document_bytes, np.int64) + 4 * width, n_rows))  # (R,) bytes up to each row
    start = 0
    while start < len(ends):
        limit = _BATCH_BYTES + (ends[start - 1] if start else 0)
        stop = max(start + 1, int(np.searchsorted(ends, limit, side="right")))
        yield slice(start, stop)
        start = stop


def _embeddings(record: pa.StructArray, row_rejected: np.ndarray, width: int) -> pa.ListArray:
    """array<float> of width ``width`` a row, NULL where the row is rejected."""
    pieces = pc.struct_field(record, "vectors").to_pylist()
    values = np.frombuffer(b"".join(pieces), np.float32)
    offsets = np.concatenate([[0], np.cumsum(np.where(row_rejected, 0, width))]).astype(np.int32)
    mask = pa.array(row_rejected) if row_rejected.any() else None
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values), mask=mask)


def _scatter(values: pa.Array, row_rejected: np.ndarray) -> pa.Array:
    """Values (one a row that is not rejected) put at their rows, NULL at the rejected ones."""
    position = np.cumsum(~row_rejected) - 1
    return values.take(pa.array(position, mask=row_rejected))
