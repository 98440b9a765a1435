"""Clusters the vectors of one word's occurrences, measures their separation, and projects them to two dimensions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elmo_udf.errors import UserError


@dataclass(frozen=True)
class Clusters:
    """A partition of n unit vectors (n, D) into k clusters, which are numbered from 0, the largest first.

    Attributes:
        labels: The cluster of each vector, int, shape (n,).
        cosines: The cosine of each vector with the mean of its cluster, float64, shape (n,), rounded to 1e-6.
    """

    labels: np.ndarray
    cosines: np.ndarray

    @property
    def sizes(self) -> list[int]:
        """Returns the number of vectors in each cluster."""
        return [int(n) for n in np.bincount(self.labels)]


def clustered(unit: np.ndarray, k: int, seed: int) -> Clusters:
    """Returns the clusters of unit vectors (n, D) by k-means (Lloyd 1957; scikit-learn, the best of ten starts).

    ``seed`` determines the starts. For unit vectors, ‖x − y‖² = 2 (1 − cosine), so near vectors have similar
    directions. Raises UserError if there are fewer than k different vectors.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    n_distinct = len(np.unique(unit, axis=0))
    if n_distinct < k:
        raise UserError(
            f"k is {k}, and the occurrences have only {n_distinct} different vectors; expected k to be at most that "
            "number"
        )
    with threadpool_limits(1):  # several threads would add up the centres in an order that differs from run to run
        labels = _largest_first(KMeans(k, n_init=10, random_state=seed).fit_predict(unit))
    means = np.stack([unit[labels == cluster].mean(axis=0) for cluster in range(labels.max() + 1)])  # (k, D)
    cosines = (unit * means[labels]).sum(axis=1) / np.linalg.norm(means[labels], axis=1)
    return Clusters(labels, cosines.round(6))


def _largest_first(labels: np.ndarray) -> np.ndarray:
    """Returns the labels renumbered by the size of the cluster, and for equal sizes by its first vector."""
    names, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    order = names[np.lexsort((first, -sizes))]
    return np.argsort(order)[np.searchsorted(names, labels)]


def projected(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the coordinates (n, 2) on the first two principal components, and their shares (2,) of the variance.

    There must be n >= 3 rows (n, D), not all equal. The largest weight of each component is positive, so that the
    picture does not flip.
    """
    from sklearn.decomposition import PCA

    components = PCA(min(2, vectors.shape[1]), svd_solver="full")
    places, shares = components.fit_transform(vectors), components.explained_variance_ratio_
    n_missing = 2 - len(shares)  # of vectors with a single value
    return np.pad(places, [(0, 0), (0, n_missing)]), np.pad(shares, (0, n_missing))


def typical_words(sentences: Sequence[Sequence[str]], labels: np.ndarray, word: str, n: int) -> list[list[str]]:
    """Returns up to ``n`` words for each cluster that its sentences contain more often than chance would explain.

    The words are sorted by (observed − expected) / √(expected + 1), the highest first. Here observed is the number of
    the cluster's sentences with the word (at least two), and expected is this number if the word were spread evenly.
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
    """Returns the share of n vectors whose cluster matches their sense, for the best matching of senses and clusters.

    This is the accuracy of a clustering (Munkres assignment). Compare it with the share of the most frequent sense.
    """
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics.cluster import contingency_matrix

    counts = contingency_matrix(labels, senses)
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / len(labels))
