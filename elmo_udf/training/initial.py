"""Draws the weights with which training starts."""

from __future__ import annotations

import numpy as np

from elmo_udf.models.form import NetworkOptions, array_shapes

CARRY_BIAS = -2.0
"""Bias of the highway layers: at first they pass most of a token unchanged (Srivastava et al. 2015)."""


def initial_arrays(options: NetworkOptions, n_words: int, seed: int) -> dict[str, np.ndarray]:
    """Returns the arrays of a network and of the softmax over ``n_words`` words, float32.

    They have the same distributions as in bilm-tf. Kernels are normal, with variance 1 / rows (highway layers,
    projections, softmax), 2 / (rows + columns) (LSTMs: Glorot and Bengio 2010) or 2 / (width · d) (filters before a
    ReLU: He et al. 2015). Characters are uniform within ±1.
    """
    random = np.random.default_rng(seed)
    p = options.projection_dim
    shapes = [*array_shapes(options), ("softmax_kernel", (n_words, p)), ("softmax_bias", (n_words,))]
    arrays = {name: _drawn(name, shape, random).astype(np.float32) for name, shape in shapes}
    arrays["character_embedding"][0] = 0
    return arrays


def _drawn(name: str, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    if name.endswith("bias"):
        return np.full(shape, CARRY_BIAS if name.endswith("carry_bias") else 0.0)
    if name == "character_embedding":
        return random.uniform(-1, 1, shape)
    if name.startswith("filter"):
        return random.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)
    if name.startswith(("forward", "backward")):
        return random.normal(0, np.sqrt(2 / sum(shape)), shape)
    return random.normal(0, np.sqrt(1 / (shape[1] if name.startswith("softmax") else shape[0])), shape)
