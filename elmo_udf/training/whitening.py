"""Word vectors in a better basis, of the same language model.

What an LSTM reads of a token, it reads through a matrix. So any affine change of the word vectors, w' = (w − μ)·A with
an invertible A, can be undone in that matrix, and the LSTMs' layers and the predicted words stay as they are. Training
has no preference among these networks. Whoever averages or compares vectors has: for that in which they have mean 0 and
covariance 1 over running text, where frequent words, which say little of a text, no longer outweigh the others (of word
vectors: Mu and Viswanath 2018; of sentence vectors: Su et al. 2021).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from elmo_udf.models.form import Model

RIDGE = 1e-3
"""Share of the mean variance that is added to every one: directions without any would become noise."""


def whitened(model: Model, word_vectors: np.ndarray) -> Model:
    """The model with its word vectors whitened, all its LSTM layers as they were (within float32).

    word_vectors: (N, P) those of the tokens of running text, one a token.
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
    """μ (P,) and A (P, P) of w' = (w − μ)·A: A = E·(Λ + ε)^(−1/2), of the covariance E·Λ·Eᵀ of ``vectors`` (N, P)."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    centered = vectors - mean
    variances, axes = np.linalg.eigh(centered.T @ centered / len(vectors))
    return mean, axes / np.sqrt(variances + RIDGE * variances.mean())


def running_text(sentences: Sequence[Sequence[str]], model: Model) -> np.ndarray:
    """The word vectors of every token of ``sentences``: (N, P) float32."""
    from elmo_udf.network.engine import Network

    return Network(model).layers(sentences, ["word_emb"])["word_emb"]
