"""Fits the weights of the layers to a task of two classes, together with a logistic regression.

The vector of a document is x = γ Σ softmax(s)_j L_j (Peters et al. 2018, eq. 1), where L_j are its pooled layers. The
loss is minimized jointly over s, γ, weights w and intercept b:

    mean of log(1 + exp(−y (x·w/σ + b))) + λ/2 |w|² + (|s|² + (log γ)²) / 2n

where σ is the deviation of each dimension at equal weights. With fixed s = 0 and γ = 1, this is the problem that
pyspark.ml's LogisticRegression solves. γ weakens the penalty on w. The last term is a standard normal prior of s and
log γ; it keeps them near 0 where the n rows don't determine them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from elmo_udf.models.form import Mix

MAX_ITERATIONS = 500


@dataclass(frozen=True)
class MixProblem:
    """The training rows, and the loss for all parameters in this order: s (J,), log γ, b, w (D,)."""

    layers: np.ndarray
    """The pooled layers, word_emb doubled: float64, shape (J, n, D). (float32 would be converted in each product.)"""
    positive: np.ndarray
    """1 for the positive class, else 0: float64, shape (n,)."""
    row_weights: np.ndarray
    """Weights with sum 1: float64, shape (n,)."""
    penalty: float

    def deviation(self) -> np.ndarray:
        """The deviation of each dimension at equal weights, or 1 if it is constant: float64, shape (D,)."""
        mean = self.row_weights @ self.layers.mean(axis=0)
        centred = self.layers.mean(axis=0) - mean
        found: np.ndarray = np.sqrt(self.row_weights @ np.square(centred, dtype=np.float64))
        return np.where(found > 1e-12, found, 1.0)

    def loss(self, parameters: np.ndarray, deviation: np.ndarray) -> tuple[float, np.ndarray]:
        """Returns the loss, and its gradient by all parameters."""
        from scipy.special import expit, softmax

        n_layers, n = self.layers.shape[:2]
        s, log_scale, intercept, w = np.split(parameters, [n_layers, n_layers + 1, n_layers + 2])
        weights = softmax(s)
        shares = np.exp(log_scale) * weights  # (J,)
        by_layer = self.layers @ (w / deviation)  # (J, n)
        logits = shares @ by_layer + intercept  # (n,)
        signed = np.where(self.positive > 0, -logits, logits)
        prior = (s @ s + log_scale @ log_scale) / (2 * n)
        value = self.row_weights @ np.logaddexp(0, signed) + self.penalty / 2 * (w @ w) + prior
        residuals = self.row_weights * (expit(logits) - self.positive)  # (n,)
        by_share = by_layer @ residuals  # (J,) gradient by the shares
        # (D, n) @ (n,) layer by layer, so that no mixed copy of the rows is made
        by_w = np.sum([share * (layer.T @ residuals) for share, layer in zip(shares, self.layers, strict=True)], axis=0)
        gradient = [
            shares * (by_share - weights @ by_share) + s / n,
            [shares @ by_share + log_scale[0] / n],
            [residuals.sum()],
            by_w / deviation + self.penalty * w,
        ]
        return float(value), np.concatenate(gradient)

    def fit(self) -> Mix:
        """Returns the mix at the minimum, found by L-BFGS from equal weights. The weights have mean 0."""
        from scipy.optimize import minimize

        n_layers, _, width = self.layers.shape
        start = np.zeros(n_layers + 2 + width)
        found: Any = minimize(
            self.loss, start, (self.deviation(),), method="L-BFGS-B", jac=True, options={"maxiter": MAX_ITERATIONS}
        )
        s = found.x[:n_layers] - found.x[:n_layers].mean()
        return Mix(tuple(float(value) for value in s), float(np.exp(found.x[n_layers])))
