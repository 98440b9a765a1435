"""Vectors of one word's occurrences, taken apart: clusters, how far apart they are, and a plane to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elmo_udf.errors import UserError

_STARTS = 10


@dataclass(frozen=True)
class Clusters:
    """A partition of n unit vectors (n, D) into k clusters, which are numbered from 0, the largest first.

    labels: (n,) int. cosines: (n,) float64, of each vector with the mean of its cluster, rounded to 1e-6.
    """

    labels: np.ndarray
    cosines: np.ndarray

    @property
    def sizes(self) -> list[int]:
        """Vectors in each cluster."""
        return [int(n) for n in np.bincount(self.labels)]


def clustered(unit: np.ndarray, k: int, seed: int) -> Clusters:
    """k-means (Lloyd 1957) of unit vectors (n, D), the best of some starts from random vectors among them.

    On unit vectors, ‖x − y‖² = 2 (1 − cosine): near is alike in direction. Raises UserError where there are not k
    different vectors.
    """
    from scipy.cluster.vq import kmeans, vq

    distinct = np.unique(unit, axis=0)
    if len(distinct) < k:
        raise UserError(
            f"k is {k}, and the occurrences have {len(distinct)} different vectors; expected at most as many"
        )
    random = np.random.default_rng(seed)
    best: tuple[float, np.ndarray] | None = None
    for _ in range(_STARTS):
        centres, _ = kmeans(unit, distinct[random.choice(len(distinct), k, replace=False)], thresh=1e-7)
        labels, distances = vq(unit, centres)
        error = float(np.square(distances).sum())
        # a cluster that has lost all of its vectors is gone: such a start does not count
        if len(np.unique(labels)) == k and (best is None or error < best[0] - 1e-12):
            best = error, labels
    if best is None:
        raise UserError(f"k is {k}, and k-means finds fewer clusters than that; give a smaller k")
    labels = _largest_first(best[1])
    means = np.stack([unit[labels == cluster].mean(axis=0) for cluster in range(k)])  # (k, D)
    cosines = (unit * means[labels]).sum(axis=1) / np.linalg.norm(means[labels], axis=1)
    return Clusters(labels, cosines.round(6))


def _largest_first(labels: np.ndarray) -> np.ndarray:
    """Labels by the size of the cluster, and for equal sizes by its first vector."""
    names, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    order = names[np.lexsort((first, -sizes))]
    return np.argsort(order)[np.searchsorted(names, labels)]


def silhouette(unit: np.ndarray, labels: np.ndarray) -> float:
    """Mean silhouette of unit vectors (n, D) by cosine distance, from -1 to 1 (Rousseeuw 1987, eq. 1).

    (b − a) / max(a, b), where a is a vector's mean distance to the others of its cluster and b that to the nearest
    other cluster; 0 for a vector alone in its cluster. Around 0 the clusters are none.
    """
    distances = np.clip(1 - unit @ unit.T, 0, None)  # (n, n)
    np.fill_diagonal(distances, 0)
    sizes = np.bincount(labels)
    sums = np.stack([distances[:, labels == cluster].sum(axis=1) for cluster in range(len(sizes))], axis=1)  # (n, k)
    own = sizes[labels]
    within = sums[np.arange(len(labels)), labels] / np.maximum(own - 1, 1)
    others = sums / sizes
    others[np.arange(len(labels)), labels] = np.inf
    nearest = others.min(axis=1)
    scores = (nearest - within) / np.maximum(np.maximum(nearest, within), np.finfo(float).tiny)
    return float(np.where(own > 1, scores, 0).mean())


def projected(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first two principal components: coordinates (n, 2), and their shares (2,) of the variance.

    Rows (n, D), n >= 3. The largest coordinate on each axis is positive, so that the picture does not flip.
    """
    from scipy.linalg import svd

    centred = vectors - vectors.mean(axis=0)
    left, values, _ = svd(centred, full_matrices=False)
    left, values = (
        np.pad(part, [*[(0, 0)] * (part.ndim - 1), (0, max(0, 2 - len(values)))]) for part in (left, values)
    )
    places = left[:, :2] * values[:2]
    largest = np.abs(places).argmax(axis=0)
    places = places * np.where(places[largest, [0, 1]] < 0, -1, 1)
    variances = np.square(values)
    return places, variances[:2] / max(variances.sum(), np.finfo(float).tiny)


def typical_words(sentences: Sequence[Sequence[str]], labels: np.ndarray, word: str, n: int) -> list[list[str]]:
    """For each cluster up to ``n`` words that its sentences have more often than chance would give them, most so first.

    By (observed − expected) / √(expected + 1), where observed is the number of the cluster's sentences with the word,
    of which two are needed, and expected what it would be were the word spread evenly.
    """
    sets = [{token.casefold() for token in sentence if any(map(str.isalpha, token))} for sentence in sentences]
    everywhere = Counter(token for tokens in sets for token in tokens if token != word.casefold())
    found = []
    for size, cluster in zip(np.bincount(labels), range(int(labels.max()) + 1), strict=True):
        here = Counter(
            token for tokens, label in zip(sets, labels, strict=True) if label == cluster for token in tokens
        )
        scores = {}
        for token, total in everywhere.items():
            expected = total * size / len(labels)
            if here[token] >= 2 and here[token] > expected:
                scores[token] = (here[token] - expected) / np.sqrt(expected + 1)
        found.append(sorted(scores, key=lambda token: (-scores[token], token))[:n])
    return found


def agreement(labels: np.ndarray, senses: Sequence[str]) -> float:
    """Share of n vectors whose cluster is the one that stands for their sense, senses and clusters matched at best.

    The accuracy of a clustering (Munkres assignment); compare it with the share of the most frequent sense.
    """
    from scipy.optimize import linear_sum_assignment

    names, columns = np.unique(np.asarray(senses), return_inverse=True)
    counts = np.zeros((int(labels.max()) + 1, len(names)), np.int64)
    np.add.at(counts, (labels, columns), 1)
    rows, columns = linear_sum_assignment(-counts)
    return float(counts[rows, columns].sum() / len(labels))
