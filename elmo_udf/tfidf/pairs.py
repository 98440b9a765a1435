"""Two measures of the similarity of the same documents: cosines, ranks of pairs, and how far they agree."""

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
    """All pairs of n documents, i < j, in the order of (i, j); P = n (n - 1) / 2.

    i, j: (P,) int. elmo, tfidf: (P,) float64, cosines; NaN where one of the vectors is zero and has no direction.
    elmo_rank, tfidf_rank: (P,) float64, from 1 for the most similar pair, the mean of their places for equal cosines;
    among the pairs that have both cosines, NaN for others.
    """

    i: np.ndarray
    j: np.ndarray
    elmo: np.ndarray
    tfidf: np.ndarray
    elmo_rank: np.ndarray
    tfidf_rank: np.ndarray

    @staticmethod
    def of(elmo: np.ndarray, tfidf: np.ndarray) -> Pairs:
        """The pairs of two matrices of cosines, (n, n) each."""
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
        """Pairs that have both cosines."""
        return int(np.isfinite(self.elmo_rank).sum())

    def spearman(self) -> float | None:
        """Spearman's rank correlation of the two cosines; None where one is the same for all pairs, or there are < 2.

        Pairs share documents and are not independent, so that no test of significance belongs to it.
        """
        ranked = np.isfinite(self.elmo_rank)
        correlation = spearman(self.elmo_rank[ranked], self.tfidf_rank[ranked])
        return correlation if np.isfinite(correlation) else None

    def most_different(self, k: int) -> np.ndarray:
        """Indexes of the k pairs with the greatest difference of ranks, greatest first; equal ones in order of (i, j).

        Fewer where fewer pairs have both cosines.
        """
        apart = np.abs(self.elmo_rank - self.tfidf_rank)
        order = np.argsort(-apart, kind="stable")  # NaN comes last
        return order[: min(k, self.n_ranked)]


def dense_cosines(vectors: np.ndarray) -> np.ndarray:
    """Cosines (n, n) float64 of rows (n, D), rounded to 1e-6; NaN in rows and columns of a zero vector."""
    cosines = np.full((len(vectors), len(vectors)), np.nan)
    fit = np.flatnonzero(np.abs(vectors).max(axis=1) > 0)
    if len(fit):
        rows = Rows.of(scale_rows(vectors[fit]))
        cosines[np.ix_(fit, fit)] = cosine_of(exact_block(rows, rows))
    return cosines


def sparse_cosines(vectors: csr_matrix) -> np.ndarray:
    """The same of sparse rows (n, V), with values of at least 0."""
    from sklearn.metrics.pairwise import cosine_similarity

    cosines: np.ndarray = np.round(np.clip(cosine_similarity(vectors), 0, 1), 6)
    is_zero = np.asarray(vectors.sum(axis=1)).ravel() == 0
    cosines[is_zero] = np.nan
    cosines[:, is_zero] = np.nan
    return cosines
