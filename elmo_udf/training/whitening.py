"""Changes the basis of the word vectors without changing the language model.

An LSTM multiplies a token's vector with a matrix. So an affine change of the word vectors, w' = (w − μ)·A with an
invertible A, can be undone in that matrix, and the LSTM layers and the predicted words stay the same. Training does not
prefer one of these networks. But for averages and comparisons of vectors one is best: that in which they have mean 0
and covariance 1 over running text. Frequent words, which say little about a text, then no longer outweigh the others
(for word vectors: Mu and Viswanath 2018; for sentence vectors: Su et al. 2021).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from elmo_udf.models.form import Model

RIDGE = 1e-3
"""Share of the mean variance that is added to every variance. Without it, directions without variance become noise."""


def whitened(model: Model, word_vectors: np.ndarray) -> Model:
    """Returns the model with its word vectors whitened, and with the same LSTM layers (within float32).

    Args:
        word_vectors: The vectors of the tokens of running text, one per token, shape (N, P).
    """
    mean, change = whitening(word_vectors)
    undone = np.linalg.inv(change)
    arrays = {name: array.astype(np.float64) for name, array in model.arrays.items()}
    arrays["projection_kernel"] = arrays["projection_kernel"] @ change
    arrays["projection_bias"] = (arrays["projection_bias"] - mean) @ change
    p = model.options.projection_dim
    for direction in ("forward", "backward"):
        of_words = arrays[f"{direction}_0_kernel"][:p]
        arrays[f"{direction}_0_bias"] = arrays[f"{direction}_0_bias"] + mean @ of_words
        arrays[f"{direction}_0_kernel"] = np.concatenate([undone @ of_words, arrays[f"{direction}_0_kernel"][p:]])
    return dataclasses.replace(model, arrays={name: array.astype(np.float32) for name, array in arrays.items()})


def whitening(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns μ (P,) and A (P, P) of w' = (w − μ)·A.

    A = E·(Λ + ε)^(−1/2), where E·Λ·Eᵀ is the covariance of ``vectors`` (N, P).
    """
    mean = vectors.mean(axis=0, dtype=np.float64)
    centered = vectors - mean
    variances, axes = np.linalg.eigh(centered.T @ centered / len(vectors))
    return mean, axes / np.sqrt(variances + RIDGE * variances.mean())


def running_text(sentences: Sequence[Sequence[str]], model: Model) -> np.ndarray:
    """Returns the word vector of every token of ``sentences``: (N, P) float32."""
    from elmo_udf.network.engine import Network

    return Network(model).layers(sentences, ["word_emb"])["word_emb"]
