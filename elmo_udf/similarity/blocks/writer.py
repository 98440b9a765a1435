"""Writes Arrow batches with an id and a list of floats to blocks on disk, with a verdict on every row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from elmo_udf.similarity.blocks.files import Folder, new_name
from elmo_udf.similarity.kernels.correction import Correction
from elmo_udf.similarity.kernels.cosine import scale_rows

PROBLEMS = {
    "null_id": "without an id",  # NULL, or NaN, which is not ordered among numbers
    "null_vector": "without a vector",
    "empty_vector": "with an empty vector",
    "not_finite": "with NULL, NaN or infinity in the vector",
    "zero": "with a zero vector, which has no direction",
    "not_finite_corrected": "whose vector the correction makes too large for its type",
    "zero_corrected": "of whose vector the correction leaves nothing, so that it has no direction",
}
"""Reasons why a row can't be compared. If several apply, the first one in this order counts."""


def default_block_rows(width: int) -> int:
    """Returns the number of rows of a block: about 8 MiB of float32 values, but 256 to 2048 rows."""
    return min(2048, max(256, (1 << 21) // width))


def pack_batches(
    batches: Iterable[pa.RecordBatch], folder: Folder, block_rows: int | None, correction: Correction | None = None
) -> Iterator[pa.RecordBatch]:
    """Writes the valid rows, corrected, to blocks of at most ``block_rows``. Yields one verdict per row, in order.

    Batches have the columns ``id`` and ``embedding`` (list of float or double). A verdict has ``id``, ``block`` (its
    name, or NULL if the row is in no block), ``width`` (of the vector), ``problem`` (a key of PROBLEMS, or NULL) and
    ``digest`` (of the vector before the correction, or NULL). Blocks contain vectors with the width of the first valid
    one, or with the width that the correction was fitted on. Other vectors get no block and no problem, because this
    function can't know which width is right. The files are written before the last verdict is yielded, and their names
    belong to this call. So an attempt that fails or is repeated leaves only files that no verdict names.
    """
    writer = BlockWriter(folder, block_rows)
    width = None if correction is None else len(correction.mean)
    for batch in batches:
        widths, problems = examine(batch.column("id"), batch.column("embedding"))
        fit = problems == ""
        if width is None and fit.any():
            width = int(widths[fit][0])
        fit &= widths == width
        fitting = batch.column("embedding") if fit.all() else batch.column("embedding").filter(pa.array(fit))
        vectors = fitting.flatten().to_numpy().reshape(-1, width or 1)
        digests = _scatter(_digests(vectors), fit, pa.int64())
        if correction is not None:
            vectors = correction.apply(vectors)
            finite, left = np.isfinite(vectors).all(axis=1), vectors.any(axis=1)
            problems[np.flatnonzero(fit)[~finite]] = "not_finite_corrected"
            problems[np.flatnonzero(fit)[~left]] = "zero_corrected"
            vectors, fit = vectors[finite & left], fit & (problems == "")
        names = writer.add(batch.column("id").filter(pa.array(fit)), vectors)
        yield pa.record_batch(
            {
                "id": batch.column("id"),
                "block": _scatter(names, fit, pa.string()),
                "width": pa.array(widths, pa.int32()),
                "problem": pc.if_else(pa.array(problems == ""), None, pa.array(problems, pa.string())),
                "digest": digests,
            }
        )
    writer.flush()


def _digests(vectors: np.ndarray) -> np.ndarray:
    """Returns 64 bits of a hash of each row's bytes, int64, shape (n,)."""
    found = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in vectors]
    return np.frombuffer(b"".join(found), "<i8")


def _scatter(values: np.ndarray, where: np.ndarray, kind: pa.DataType) -> pa.Array:
    """Returns the values at the positions where ``where`` (n,) is True, and NULL elsewhere."""
    whole = np.full(len(where), None, object)
    whole[where] = values
    return pa.array(whole, kind)


def examine(ids: pa.Array, vectors: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Returns the widths (int32, 0 for none) and the problems (strings, "" for none), both of shape (n,)."""
    widths = pc.fill_null(pc.list_value_length(vectors), 0).to_numpy(zero_copy_only=False).astype(np.int32)
    problems = np.full(len(widths), "", object)
    filled = np.flatnonzero(widths)
    if len(filled):
        values = np.abs(vectors.flatten().to_numpy(zero_copy_only=False))  # NULL becomes NaN
        largest = np.maximum.reduceat(values, np.cumsum(np.r_[0, widths[filled][:-1]]))
        problems[filled[~np.isfinite(largest)]] = "not_finite"
        problems[filled[largest == 0]] = "zero"
    problems[widths == 0] = "empty_vector"
    problems[vectors.is_null().to_numpy(zero_copy_only=False)] = "null_vector"
    problems[ids.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)] = "null_id"
    return widths, problems


class BlockWriter:
    """Collects rows until a block is full, and writes it."""

    def __init__(self, folder: Folder, block_rows: int | None) -> None:
        self._folder, self._block_rows = folder, block_rows or 0
        self._start()

    def _start(self) -> None:
        self._name, self._n = new_name(), 0
        self._ids: list[pa.Array] = []
        self._values: list[np.ndarray] = []

    def add(self, ids: pa.Array, vectors: np.ndarray) -> np.ndarray:
        """Adds valid rows, (n,) and (n, width), all of the same width. Returns the names of their blocks, (n,)."""
        if len(ids) == 0:
            return np.empty(0, object)
        self._block_rows = self._block_rows or default_block_rows(vectors.shape[1])
        values = scale_rows(vectors)
        names = np.empty(len(ids), object)
        start = 0
        while start < len(ids):
            stop = min(len(ids), start + self._block_rows - self._n)
            self._ids.append(ids[start:stop])
            self._values.append(values[start:stop])
            names[start:stop] = self._name
            self._n += stop - start
            if self._n == self._block_rows:
                self.flush()
            start = stop
        return names

    def flush(self) -> None:
        """Writes the rows that were collected."""
        if self._n:
            self._folder.write_block(pa.concat_arrays(self._ids), np.concatenate(self._values), self._name)
            self._start()
