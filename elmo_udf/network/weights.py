"""Divides the arrays of a model in the way in which the network multiplies them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from elmo_udf.models.form import Model

DIRECTIONS = ("forward", "backward")
GATES = ("i", "j", "f", "o")
"""The order of the gates in the columns of LSTM kernels: input gate, new content, forget gate, output gate."""


def network_arrays(model: Model) -> Iterator[tuple[str, np.ndarray]]:
    """Yields all arrays of ``model``, divided by :func:`cut`."""
    return cut(model.arrays, model.options.n_layers, np.split)


def cut(arrays: Mapping[str, Any], n_layers: int, split: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """Yields all ``arrays`` of a model, with those of its LSTM layers divided by gate.

    ``split`` is the function of NumPy or of TensorFlow. Each gate has its own kernel, so that bias and activation are
    part of its product and nothing is divided afterwards: ``{direction}_{layer}_{gate}_kernel`` (2P, C) and ``.._bias``
    (C,). The kernel of the first layer is in two halves, ``.._word_kernel`` (P, C) and ``.._state_kernel`` (P, C). The
    bias of the forget gate is the file's plus 1.
    """
    lstm = {f"{direction}_{i}" for direction in DIRECTIONS for i in range(n_layers)}
    for name, array in arrays.items():
        layer, _, part = name.rpartition("_")
        if layer not in lstm or part == "projection":
            yield name, array
            continue
        for gate, columns in zip(GATES, split(array, len(GATES), axis=-1), strict=True):
            if part == "bias":
                bias = f"{layer}_{gate}_word_bias" if layer.endswith("_0") else f"{layer}_{gate}_bias"
                yield bias, columns + np.float32(gate == "f")
            elif layer.endswith("_0"):
                word, state = split(columns, 2)
                yield f"{layer}_{gate}_word_kernel", word
                yield f"{layer}_{gate}_state_kernel", state
            else:
                yield f"{layer}_{gate}_kernel", columns
