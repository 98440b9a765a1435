"""Compares two measures of the similarity of the same documents: cosines, ranks of pairs, and their agreement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from elmo_udf.correlation import spearman
from elmo_udf.similarity.kernels.cosine import Rows, cosine_of, exact_block, scale_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Pairs:
    """All P = n (n - 1) / 2 pairs of n documents with i < j, sorted by (i, j).

    Attributes:
        i, j: The documents of each pair, int, shape (P,).
        elmo, tfidf: The cosines, float64, shape (P,), with NaN if one of the vectors is zero and so has no direction.
        elmo_rank, tfidf_rank: The ranks, float64, shape (P,), from 1 for the most similar pair. Equal cosines share the
            mean of their ranks. Pairs without both cosines have NaN.
    """

    i: np.ndarray
    j: np.ndarray
    elmo: np.ndarray
    tfidf: np.ndarray
    elmo_rank: np.ndarray
    tfidf_rank: np.ndarray

    @staticmethod
    def of(elmo: np.ndarray, tfidf: np.ndarray) -> Pairs:
        """Returns the pairs of two matrices of cosines, (n, n) each."""
        from scipy.stats import rankdata

        i, j = np.triu_indices(len(elmo), 1)
        cosines = np.stack([elmo[i, j], tfidf[i, j]])  # (2, P)
        ranks = np.full(cosines.shape, np.nan)
        both = np.isfinite(cosines).all(axis=0)
        ranks[:, both] = rankdata(-cosines[:, both], axis=1)
        return Pairs(i, j, *cosines, *ranks)

    def __len__(self) -> int:
        return len(self.i)

    @property
    def n_ranked(self) -> int:
        """The number of pairs that have both cosines."""
        return int(np.isfinite(self.elmo_rank).sum())

    def spearman(self) -> float | None:
        """Returns Spearman's rank correlation of the cosines, or None for < 2 pairs or if all cosines are equal.

        Pairs share documents and so are not independent. Therefore there is no test of significance.
        """
        ranked = np.isfinite(self.elmo_rank)
        correlation = spearman(self.elmo_rank[ranked], self.tfidf_rank[ranked])
        return correlation if np.isfinite(correlation) else None

    def most_different(self, k: int) -> np.ndarray:
        """Returns the indexes of the k pairs whose ranks differ most, sorted by descending difference, then by (i, j).

        There are fewer if fewer pairs have both cosines.
        """
        apart = np.abs(self.elmo_rank - self.tfidf_rank)
        order = np.argsort(-apart, kind="stable")  # NaN comes last
        return order[: min(k, self.n_ranked)]


def dense_cosines(vectors: np.ndarray) -> np.ndarray:
    """Returns the cosines of rows (n, D): float64, shape (n, n), rounded to 1e-6, with NaN for zero vectors."""
    cosines = np.full((len(vectors), len(vectors)), np.nan)
    fit = np.flatnonzero(np.abs(vectors).max(axis=1) > 0)
    if len(fit):
        rows = Rows.of(scale_rows(vectors[fit]))
        cosines[np.ix_(fit, fit)] = cosine_of(exact_block(rows, rows))
    return cosines


def sparse_cosines(vectors: csr_matrix) -> np.ndarray:
    """Returns the cosines of sparse rows (n, V) without negative values, in the same form."""
    from sklearn.metrics.pairwise import cosine_similarity

    cosines: np.ndarray = np.round(np.clip(cosine_similarity(vectors), 0, 1), 6)
    is_zero = np.asarray(vectors.sum(axis=1)).ravel() == 0
    cosines[is_zero] = np.nan
    cosines[:, is_zero] = np.nan
    return cosines
