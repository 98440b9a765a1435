"""Finds the mix of layers whose cosines agree best with people's judgements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from elmo_udf.correlation import spearman
from elmo_udf.models.form import Mix

_BOUND = 8.0
"""Bound of the weights before the softmax. Beyond it, a layer has a share below one thousandth."""


@dataclass(frozen=True)
class FittedMix:
    """A mix in the form of a model, and Spearman's correlation on the pairs that it was fitted on."""

    mix: Mix
    spearman: float
    equal_spearman: float
    """The correlation of equal weights."""


def mixed_cosines(products: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns cosines (n,) of the mixes Σ wⱼ·layerⱼ of two texts, from the products (n, 3, J, J) of their layers.

    This is exact, because a mix is linear in its layers: a·b = wᵀ G_ab w, and the same holds for the squared lengths.
    """
    dot, left, right = np.einsum("nsjk,j,k->sn", products, weights, weights)
    return np.asarray(dot / np.sqrt(left * right))


def fit_mix(products: np.ndarray, scores: np.ndarray) -> FittedMix:
    """Returns the mix with the highest Spearman correlation between cosines and scores.

    The search is over the J − 1 differences of the weights before the softmax. It uses no derivatives, because ranks
    have none (Nelder and Mead 1965). It starts from the equal mix and from one near each single layer, and the best
    result counts. γ stays 1, because no cosine depends on it.

    Args:
        products: Layers of the first texts by those of the second, by themselves, and the second's by themselves,
            (n, 3, J, J) float64, with J >= 2.
        scores: People's scores, (n,).
    """
    from scipy.optimize import minimize
    from scipy.special import softmax

    n_layers = products.shape[-1]

    def loss(differences: np.ndarray) -> float:
        return -spearman(mixed_cosines(products, softmax(np.append(0.0, differences))), scores)

    starts = [np.zeros(n_layers), *(3.0 * np.eye(n_layers))]
    ends = []
    for start in ((start - start[0])[1:] for start in starts):
        simplex = np.vstack([start, start + np.eye(n_layers - 1)])  # steps of 1: ranks do not change in tiny ones
        options = {"initial_simplex": simplex, "xatol": 1e-3, "fatol": 1e-6, "maxfev": 400}
        bounds = [(-_BOUND, _BOUND)] * (n_layers - 1)
        ends.append(minimize(loss, start, method="Nelder-Mead", bounds=bounds, options=options))
    logits = np.append(0.0, min(ends, key=lambda end: float(end.fun)).x)
    logits -= logits.mean()
    mix = Mix(tuple(logits), 1.0)
    found = spearman(mixed_cosines(products, mix.shares), scores)
    equal = spearman(mixed_cosines(products, np.full(n_layers, 1 / n_layers)), scores)
    return FittedMix(mix, found, equal)
