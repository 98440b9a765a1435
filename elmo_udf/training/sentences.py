"""Reads tokenized sentences from files, in an order that is new in each epoch and the same in each run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

COLUMN = "tokens"
"""The column of the Parquet files, array<string>. Each row is a sentence."""


def files_of(folder: Path) -> list[Path]:
    """Returns the files of sentences in ``folder``."""
    return sorted(folder.glob("*.parquet"))


def sentences(files: list[Path]) -> Iterator[list[str]]:
    """Yields every sentence once, in the order of the files."""
    for file in files:
        yield from _read(file).to_pylist()


def shuffled(files: list[Path], seed: int, start: int = 0) -> Iterator[list[str]]:
    """Yields sentences without end, epoch after epoch, beginning with number ``start``.

    Each epoch has a new order of files, and of sentences in each file. Memory holds one file at a time.
    """
    import pyarrow.parquet as pq

    sizes = [pq.read_metadata(file).num_rows for file in files]
    if not sum(sizes):
        return
    for epoch in count(start // sum(sizes)):
        skip = max(0, start - epoch * sum(sizes))
        random = np.random.default_rng([seed, epoch])
        for i in random.permutation(len(files)):
            order = random.permutation(sizes[i])
            if skip < len(order):
                column = _read(files[i])
                yield from (column[int(row)].as_py() for row in order[skip:])
            skip = max(0, skip - len(order))


def _read(file: Path) -> pa.Array:
    import pyarrow.parquet as pq

    return pq.read_table(file, columns=[COLUMN])[COLUMN].combine_chunks()
