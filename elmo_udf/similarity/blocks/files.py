"""Reads and writes blocks: files of some thousand ids and vectors, in a folder that driver and executors share.

A block is one Arrow IPC file with the columns ``id`` and ``vector`` (fixed_size_list of float or double). pyarrow's
file systems read and write it, so vectors never pass through a shuffle.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from math import ceil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs, ipc

from elmo_udf.similarity.kernels.cosine import Rows
from elmo_udf.spark.arrow_files import open_file_system


@dataclass(frozen=True)
class Block:
    """The file name and the number of rows of a block."""

    name: str
    n_rows: int


@dataclass(frozen=True)
class Folder:
    """A folder by its qualified URI, such as ``file:/data/x`` or ``s3a://bucket/x``.

    It is opened wherever it is used.
    """

    uri: str

    def open(self) -> tuple[fs.FileSystem, str]:
        """Returns pyarrow's file system and the path in it. Raises UserError if pyarrow has no file system for it."""
        return open_file_system(self.uri)

    def write_block(self, ids: pa.Array, values: np.ndarray, name: str) -> None:
        """Writes one block: ids (n,), values (n, width) float32 or float64."""
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
        batch = pa.record_batch({"id": ids, "vector": vectors})
        file_system, root = self.open()
        with (
            file_system.open_output_stream(f"{root}/{name}.arrow") as stream,
            ipc.new_file(stream, batch.schema) as writer,
        ):
            writer.write_batch(batch)

    def count_rows(self, name: str) -> int:
        """Returns the number of rows of a Parquet table in the folder, from the footers of its files."""
        from pyarrow import dataset

        file_system, root = self.open()
        n_rows: int = dataset.dataset(f"{root}/{name}", filesystem=file_system, format="parquet").count_rows()
        return n_rows

    def read_block(self, name: str, options: ipc.IpcReadOptions | None = None) -> pa.Table:
        """Reads one block, or some of its columns."""
        file_system, root = self.open()
        with file_system.open_input_file(f"{root}/{name}.arrow") as source:
            return ipc.open_file(source, options=options).read_all()


@dataclass(frozen=True)
class Stripe:
    """Consecutive blocks of a table."""

    folder: Folder
    blocks: tuple[Block, ...]

    def __len__(self) -> int:
        return sum(block.n_rows for block in self.blocks)

    def read_ids(self) -> pa.Array:
        """Returns all ids, (n,)."""
        only_ids = ipc.IpcReadOptions(included_fields=[0])
        return pa.concat_arrays([self.folder.read_block(block.name, only_ids)["id"].chunk(0) for block in self.blocks])

    def read_rows(self) -> tuple[pa.Array, Rows]:
        """Returns all ids and rows, (n,) and (n, width)."""
        ids: list[pa.Array] = []
        values, n_read = np.empty((0, 0)), 0
        for block in self.blocks:
            table = self.folder.read_block(block.name)
            # Taken, not kept: all columns of a block are in one piece of memory, which would stay with its ids.
            ids.append(table["id"].chunk(0).take(np.arange(len(table))))
            part = table["vector"].chunk(0).flatten().to_numpy().reshape(len(table), -1)
            if n_read == 0:
                values = np.empty((len(self), part.shape[1]), part.dtype)
            values[n_read : n_read + len(part)] = part
            n_read += len(part)
        return pa.concat_arrays(ids), Rows.of(values)

    def sample(self, n_rows: int, n_blocks: int = 8) -> Rows:
        """Returns about ``n_rows`` rows from some blocks, or from more if blocks are small.

        They are the same every time.
        """
        n_blocks = max(n_blocks, ceil(n_rows * len(self.blocks) / max(1, len(self))))
        chosen = np.unique(np.linspace(0, len(self.blocks) - 1, n_blocks).astype(int))
        _, rows = Stripe(self.folder, tuple(self.blocks[i] for i in chosen)).read_rows()
        return rows[np.random.default_rng(0).permutation(len(rows))[:n_rows]]


def new_name() -> str:
    """Returns a name that no other attempt of any task uses."""
    return uuid.uuid4().hex


def ranks_of(ids: pa.Array) -> np.ndarray:
    """Returns the position of each id in ascending order, which is also Spark's order: int64, shape (n,)."""
    order = pc.sort_indices(ids).to_numpy()
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return ranks
