"""The arrays of a model, cut the way the network multiplies them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from elmo_udf.models.form import Model

DIRECTIONS = ("forward", "backward")
GATES = ("i", "j", "f", "o")
"""Input gate, new content, forget gate, output gate: the order of the columns of a model's LSTM kernels."""


def network_arrays(model: Model) -> Iterator[tuple[str, np.ndarray]]:
    """All arrays of ``model``, cut as :func:`cut` does."""
    return cut(model.arrays, model.options.n_layers, np.split)


def cut(arrays: Mapping[str, Any], n_layers: int, split: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """All ``arrays`` of a model, those of its LSTM layers a gate at a time; ``split`` is NumPy's or TensorFlow's.

    Each gate has a kernel of its own, so that bias and activation join its product, and nothing is split afterwards:
    ``{direction}_{layer}_{gate}_kernel`` (2P, C), ``.._bias`` (C,). The first layer's kernel comes in two halves,
    ``.._word_kernel`` (P, C) and ``.._state_kernel`` (P, C). The forget gate's bias is one more than the file's.
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
