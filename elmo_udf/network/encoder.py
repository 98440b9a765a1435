"""What the rest of the project needs from a network: tokens in, named layers out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from elmo_udf.models.form import NetworkOptions


class OutOfMemory(Exception):
    """The device has no memory left for a single sentence, a token at a time."""


class Encoder(Protocol):
    """Turns tokenized sentences into vectors of their tokens. :class:`elmo_udf.network.engine.Network` is one."""

    @property
    def options(self) -> NetworkOptions:
        """Sizes and names of the layers."""
        ...

    def width(self, layer: str) -> int:
        """Number of values a token has in ``layer``."""
        ...

    def layers(self, sentences: Sequence[Sequence[str]], names: Sequence[str]) -> dict[str, np.ndarray]:
        """Vectors of all tokens in the layers ``names``: each (N, width) float32 for N tokens in reading order.

        A sentence's vectors depend on the sentence alone (within 1e-5), whatever others are given with it.
        Raises OutOfMemory where the device has too little memory even for the smallest piece of them.
        """
        ...
