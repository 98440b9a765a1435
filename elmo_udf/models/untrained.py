"""Makes ``builtin:untrained``, a model with random weights from a fixed seed. It shows what training is worth."""

from __future__ import annotations

import numpy as np

from elmo_udf.models.form import Mix, Model, NetworkOptions, array_shapes
from elmo_udf.text.characters import PADDING

HANDLE = "builtin:untrained"
NOTE = "builtin:untrained has random weights: it sees how words are spelled, and nothing of what they mean"
SEED = 1802  # of arXiv 1802.05365, Peters et al. 2018
OPTIONS = NetworkOptions(
    character_dim=16,
    filters=((1, 32), (2, 32), (3, 64), (4, 128), (5, 256)),
    n_highway=1,
    activation="relu",
    n_layers=2,
    cell_dim=512,
    projection_dim=64,
    cell_clip=3.0,
    projection_clip=3.0,
    residual=True,
)
CARRY_BIAS = -2.0
"""Bias of the highway layers, the same as in bilm-tf: at first they pass most of a token unchanged."""
FILTER_BIAS = -1.2
"""Bias of the filters. It is negative, so only the better matches of a filter pass the relu."""
PROJECTION_SCALE = 4.0
"""Scale of the projection. It compensates for the bias of the filters, so that a token's values are around 1."""


def make() -> Model:
    """Returns the model, which is identical to the last bit on every machine.

    The weights are uniform and not normal, because RandomState's uniform numbers use no function of the C library,
    which may differ in the last bit. Their variance is 1 / (number of summed rows) (LeCun initialization), and twice
    that before a relu.
    """
    random = np.random.RandomState(SEED)
    arrays: dict[str, np.ndarray] = {}
    for name, shape in array_shapes(OPTIONS):
        if name.endswith("bias"):
            arrays[name] = np.full(shape, _bias(name), np.float32)
        else:
            arrays[name] = random.uniform(-1, 1, shape) * _bound(name, shape)
    # What all tokens share would drown what tells them apart, and the cosine of any two documents would be nearly 1:
    # the padding after a token, and the mean of a relu's output, which rows in pairs of opposite sign cancel.
    arrays["character_embedding"][[0, PADDING]] = 0
    arrays["projection_kernel"][1::2] = -arrays["projection_kernel"][::2]
    return Model(OPTIONS, arrays, Mix.equal(OPTIONS.n_layers), HANDLE, NOTE)


def _bias(name: str) -> float:
    """Returns the value of all biases of an array."""
    return CARRY_BIAS if name.endswith("carry_bias") else FILTER_BIAS if name.startswith("filter") else 0.0


def _bound(name: str, shape: tuple[int, ...]) -> float:
    """Returns the largest absolute value of the weights of an array."""
    if name == "character_embedding":
        return 1.0
    before_relu = name.startswith("filter") or name.endswith("transform_kernel")
    scale = PROJECTION_SCALE if name == "projection_kernel" else 1.0
    variance = (2 if before_relu else 1) / np.prod(shape[:-1])
    return scale * float(np.sqrt(3 * variance))  # a uniform distribution on [-b, b] has the variance b² / 3
