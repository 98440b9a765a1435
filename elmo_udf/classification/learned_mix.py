"""Fits the weights of the layers to a task of two classes, together with a logistic regression.

The vector of a document is x = γ Σ softmax(s)_j L_j (Peters et al. 2018, eq. 1), of its pooled layers L_j. What is
minimized, jointly over s, γ, weights w and intercept b, is

    mean of log(1 + exp(−y (x·w/σ + b))) + λ/2 |w|² + (|s|² + (log γ)²) / 2n

where σ is the deviation of each dimension at equal weights. With s = 0 and γ = 1 held, this is the problem that
pyspark.ml's LogisticRegression solves. γ is what loosens the penalty on w; the last term, a standard normal prior of s
and log γ, has them stay where the n rows say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from elmo_udf.models.form import Mix

MAX_ITERATIONS = 500


@dataclass(frozen=True)
class MixProblem:
    """Training rows, and the loss of all parameters, one after the other: s (J,), log γ, b, w (D,)."""

    layers: np.ndarray
    """(J, n, D) float64 (float32 would be copied into it for every product), pooled, word_emb doubled."""
    positive: np.ndarray
    """(n,) float64: 1 for the positive class, else 0."""
    row_weights: np.ndarray
    """(n,) float64, of sum 1."""
    penalty: float

    def deviation(self) -> np.ndarray:
        """(D,) float64: of each dimension at equal weights; 1 where it is constant."""
        mean = self.row_weights @ self.layers.mean(axis=0)
        centred = self.layers.mean(axis=0) - mean
        found: np.ndarray = np.sqrt(self.row_weights @ np.square(centred, dtype=np.float64))
        return np.where(found > 1e-12, found, 1.0)

    def loss(self, parameters: np.ndarray, deviation: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss, and its gradient by all parameters."""
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
        """The mix at the minimum, found by L-BFGS from equal weights; the weights have mean 0."""
        from scipy.optimize import minimize

        n_layers, _, width = self.layers.shape
        start = np.zeros(n_layers + 2 + width)
        found: Any = minimize(
            self.loss, start, (self.deviation(),), method="L-BFGS-B", jac=True, options={"maxiter": MAX_ITERATIONS}
        )
        s = found.x[:n_layers] - found.x[:n_layers].mean()
        return Mix(tuple(float(value) for value in s), float(np.exp(found.x[n_layers])))
