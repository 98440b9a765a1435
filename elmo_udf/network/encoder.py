"""Defines what the other packages need from a network: a method that computes named layers for tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from elmo_udf.models.form import NetworkOptions


class OutOfMemory(Exception):
    """The memory of the device does not suffice for a single sentence, read one token at a time."""


class Encoder(Protocol):
    """Computes the vectors of the tokens of sentences. :class:`elmo_udf.network.engine.Network` is an encoder."""

    @property
    def options(self) -> NetworkOptions:
        """The sizes and the names of the layers."""
        ...

    def width(self, layer: str) -> int:
        """Returns the number of values of a token in ``layer``."""
        ...

    def layers(self, sentences: Sequence[Sequence[str]], names: Sequence[str]) -> dict[str, np.ndarray]:
        """Returns the vectors of all N tokens in the layers ``names``: float32, shape (N, width), in reading order.

        A sentence's vectors depend only on the sentence (within 1e-5), and not on the other sentences. Raises
        OutOfMemory if the device has too little memory for even the smallest part of them.
        """
        ...
