"""What is kept of a text: pooled layers side by side in rows of numbers; and how to look at each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elmo_udf.models.options import NetworkOptions


@dataclass(frozen=True)
class Part:
    """Columns ``start`` to ``start + width`` of a row, repeated so often, times a weight."""

    start: int
    width: int
    repeats: int = 1
    weight: float = 1.0

    def of(self, rows: np.ndarray) -> np.ndarray:
        """(n, total) -> (n, width · repeats), of the same type; a view of ``rows`` where nothing is computed."""
        values = rows[:, self.start : self.start + self.width]
        values = values if self.repeats == 1 else np.tile(values, self.repeats)
        return values if self.weight == 1 else values * rows.dtype.type(self.weight)


@dataclass(frozen=True)
class View:
    """A layer, pooled in one way: the sum of its parts. A mix of layers has several, all others one."""

    layer: str
    pooling: str
    parts: tuple[Part, ...]

    @property
    def name(self) -> str:
        """Unique among the views of one model."""
        return f"{self.layer} {self.pooling}"

    def of(self, rows: np.ndarray) -> np.ndarray:
        """The vectors of this view, (n, total) -> (n, D)."""
        values = self.parts[0].of(rows)
        for part in self.parts[1:]:
            values = values + part.of(rows)
        return values


@dataclass(frozen=True)
class Layout:
    """Pooled layers in the order in which a row holds them, and what gets a row of its own.

    A row is, pooling after pooling, the vectors of all layers: mean and maximum have the same layers.
    """

    layers: tuple[str, ...]
    widths: tuple[int, ...]
    poolings: tuple[str, ...]
    level: str = "document"
    """``document``, ``sentence`` or ``token``; a token's row is its own vector, whatever the one pooling says."""

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
        """The layout of these layers of a network, each once. Raises UserError for a layer that it does not have."""
        widths = {layer: network.width(layer) for layer in layers}
        return cls(tuple(widths), tuple(widths.values()), tuple(dict.fromkeys(poolings)), level)

    @property
    def token_width(self) -> int:
        """Values of a token, of all layers together."""
        return sum(self.widths)

    @property
    def row_width(self) -> int:
        """Values of a row."""
        return self.token_width * len(self.poolings)

    def view(self, layer: str, pooling: str) -> View:
        """The pooled layer as it is."""
        return View(layer, pooling, (self._part(layer, pooling),))

    def mixed(self, name: str, network: NetworkOptions, weights: np.ndarray) -> View:
        """Σ weight · layer over the layers of a network, word_emb first, mean pooling: the mean of the mixed tokens.

        word_emb, which both directions share, is taken twice, as where tokens are mixed.
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
