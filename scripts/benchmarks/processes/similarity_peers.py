"""Other programs' nearest rows, each as its own documentation has it: scikit-learn, faiss, numpy."""

from __future__ import annotations

import time
from typing import Any

import numpy as np


def main(vectors: str, output: str, peer: str, k: int) -> dict[str, Any]:
    """Seconds to find the ``k`` nearest other rows of every row of an .npy file; writes their numbers, (n, k)."""
    values = np.load(vectors)
    started = time.perf_counter()
    neighbors = {"sklearn": sklearn, "faiss": faiss}[peer](values, k)
    seconds = time.perf_counter() - started
    np.save(output, neighbors)
    return {"seconds": round(seconds, 3)}


def sklearn(values: np.ndarray, k: int) -> np.ndarray:
    """Brute force by cosine, all cores."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute", n_jobs=-1).fit(values)
    found: np.ndarray = search.kneighbors(return_distance=False)  # of the rows themselves: none is its own neighbor
    return found


def faiss(values: np.ndarray, k: int) -> np.ndarray:
    """Inner products of unit rows, all cores."""
    import faiss as library

    unit = values.copy()
    library.normalize_L2(unit)
    index = library.IndexFlatIP(values.shape[1])
    index.add(unit)
    found: np.ndarray = index.search(unit, k + 1)[1][:, 1:]
    return found
