"""Describes what is kept of a text: pooled layers side by side in rows of numbers, and how to view each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elmo_udf.models.options import NetworkOptions


@dataclass(frozen=True)
class Part:
    """The columns ``start`` to ``start + width`` of a row, repeated and multiplied with a weight."""

    start: int
    width: int
    repeats: int = 1
    weight: float = 1.0

    def of(self, rows: np.ndarray) -> np.ndarray:
        """Returns (n, total) to (n, width · repeats), of the same type.

        It is a view of ``rows`` if nothing is computed.
        """
        values = rows[:, self.start : self.start + self.width]
        values = values if self.repeats == 1 else np.tile(values, self.repeats)
        return values if self.weight == 1 else values * rows.dtype.type(self.weight)


@dataclass(frozen=True)
class View:
    """A layer with one pooling: the sum of its parts. A mix of layers has several parts, all others have one."""

    layer: str
    pooling: str
    parts: tuple[Part, ...]

    @property
    def name(self) -> str:
        """A name that is unique among the views of one model."""
        return f"{self.layer} {self.pooling}"

    def of(self, rows: np.ndarray) -> np.ndarray:
        """Returns the vectors of this view: (n, total) to (n, D)."""
        values = self.parts[0].of(rows)
        for part in self.parts[1:]:
            values = values + part.of(rows)
        return values


@dataclass(frozen=True)
class Layout:
    """Pooled layers in the order in which a row contains them, and the unit that gets a row.

    A row contains, for each pooling, the vectors of all layers. Mean and maximum have the same layers.
    """

    layers: tuple[str, ...]
    widths: tuple[int, ...]
    poolings: tuple[str, ...]
    level: str = "document"
    """``document``, ``sentence`` or ``token``. The row of a token is its own vector, whatever the single pooling is."""

    def __post_init__(self) -> None:
        if self.level == "token" and len(self.poolings) != 1:
            raise ValueError(f"poolings are {self.poolings} at level token, expected one: tokens are not pooled")

    @classmethod
    def of(
        cls,
        network: NetworkOptions,
        layers: Sequence[str],
        poolings: Sequence[str] = ("mean",),
        level: str = "document",
    ) -> Layout:
        """Returns the layout of these layers of a network, each once.

        Raises UserError if the network does not have a layer.
        """
        widths = {layer: network.width(layer) for layer in layers}
        return cls(tuple(widths), tuple(widths.values()), tuple(dict.fromkeys(poolings)), level)

    @property
    def token_width(self) -> int:
        """The number of values of a token in all layers together."""
        return sum(self.widths)

    @property
    def row_width(self) -> int:
        """The number of values of a row."""
        return self.token_width * len(self.poolings)

    def view(self, layer: str, pooling: str) -> View:
        """Returns the pooled layer unchanged."""
        return View(layer, pooling, (self._part(layer, pooling),))

    def mixed(self, name: str, network: NetworkOptions, weights: np.ndarray) -> View:
        """Returns Σ weight · layer over the layers of a network, word_emb first, for mean pooling.

        It equals the mean of the mixed tokens. word_emb, which both directions share, is used twice, as in a mix of
        tokens.
        """
        width = 2 * network.projection_dim
        parts = []
        for layer, weight in zip(network.layer_names, weights, strict=True):
            part = self._part(layer, "mean")
            if weight:
                parts.append(Part(part.start, part.width, width // part.width, float(weight)))
        return View(name, "mean", tuple(parts))

    def _part(self, layer: str, pooling: str) -> Part:
        i = self.layers.index(layer)
        before = self.token_width * self.poolings.index(pooling) + sum(self.widths[:i])
        return Part(before, self.widths[i])
