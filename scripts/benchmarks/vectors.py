"""Vectors to compare, as tables: drawn from a seed, or embedded from natural text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

AVERAGE_COSINE = 0.45
"""Of unrelated rows: about that of documents in the mean-pooled vectors of ELMo."""
NEAR_SHARE = 0.02
"""Of rows that are nearly another one."""


def like_documents(n_rows: int, width: int, seed: int = 7) -> np.ndarray:
    """(n_rows, width) float32: a common direction, components of falling size as in any network's vectors (the
    variance of the j-th is proportional to 1 / j), turned at random; and some near duplicates.
    """
    random = np.random.default_rng(seed)
    sizes = np.sqrt(1.0 / (1 + np.arange(width)))
    sizes *= np.sqrt((1 - AVERAGE_COSINE) / (sizes**2).sum())
    turn = np.linalg.qr(random.standard_normal((width, width)))[0].astype(np.float32)
    rows = np.empty((n_rows, width), np.float32)
    for start in range(0, n_rows, 10_000):
        part = random.standard_normal((min(10_000, n_rows - start), width), dtype=np.float32)
        rows[start : start + 10_000] = (part * sizes.astype(np.float32)) @ turn
    rows += np.sqrt(AVERAGE_COSINE) * turn[0]
    near = random.choice(n_rows, int(n_rows * NEAR_SHARE), replace=False)
    nudge = 0.003 * random.standard_normal((len(near), width), dtype=np.float32)
    rows[near] = rows[random.integers(0, n_rows, len(near))] + nudge
    return rows


def write_table(values: np.ndarray, folder: Path, n_files: int = 8) -> Path:
    """Rows (n, width) as a Parquet table with the columns ``id`` (bigint) and ``embedding``; returns its folder."""
    folder.mkdir(parents=True)
    for i, rows in enumerate(np.array_split(np.arange(len(values)), n_files)):
        part = values[rows]
        offsets = pa.array(np.arange(len(part) + 1, dtype=np.int32) * part.shape[1])
        vectors = pa.ListArray.from_arrays(offsets, pa.array(part.reshape(-1)))
        pq.write_table(pa.table({"id": pa.array(rows), "embedding": vectors}), folder / f"part-{i:05}.parquet")
    return folder


def read_vectors(folder: Path) -> np.ndarray:
    """(n, width) float32: the ``embedding`` of a table of ours, in the order of its files."""
    column = pq.read_table(folder, columns=["embedding"])["embedding"].combine_chunks()
    vectors: np.ndarray = column.flatten().to_numpy().reshape(len(column), -1)
    return vectors
