"""The options of a network: they determine the shapes of its arrays, and what the arrays alone don't say."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from elmo_udf.errors import UserError

MAX_FILTER_WIDTH = 50
"""A convolution can't be wider than the number of characters of a token."""
MAX_PARTS = 999
"""Largest number of layers, highway layers or convolutions. A file with a larger number is damaged or malicious."""


@dataclass(frozen=True)
class NetworkOptions:
    """The sizes and switches of one network. The names follow Peters et al. 2018 and the published options.json files.

    Raises UserError if a value is not possible.
    """

    character_dim: int
    filters: tuple[tuple[int, int], ...]
    """The width in characters and the number of filters of each convolution, in order."""
    n_highway: int
    activation: str
    """Either ``relu`` or ``tanh``, for the convolutions. Highway layers always use relu."""
    n_layers: int
    cell_dim: int
    projection_dim: int
    cell_clip: float | None
    projection_clip: float | None
    residual: bool
    """Whether the input of a layer is added to its output, from the second LSTM layer on (``use_skip_connections``)."""
    project_characters: bool = True
    """False if the network has no projection after the highway layers (then n_filters equals projection_dim)."""

    def __post_init__(self) -> None:
        """Refuses impossible values, and gives numbers one type, so that equal options have equal fingerprints."""
        for name in ("character_dim", "n_layers", "cell_dim", "projection_dim", "n_highway"):
            at_least = 0 if name == "n_highway" else 1
            object.__setattr__(self, name, _whole_number(name, getattr(self, name), at_least))
        for name in ("n_layers", "n_highway"):
            if getattr(self, name) > MAX_PARTS:
                raise UserError(f"network option {name} is {getattr(self, name)}, expected at most {MAX_PARTS}")
        for name in ("cell_clip", "projection_clip"):
            object.__setattr__(self, name, _bound(name, getattr(self, name)))
        object.__setattr__(self, "filters", _filters(self.filters))
        for name in ("residual", "project_characters"):
            if not isinstance(getattr(self, name), bool):
                raise UserError(f"network option {name} is {getattr(self, name)!r}, expected true or false")
        if self.activation not in ("relu", "tanh"):
            raise UserError(f"network option activation is {self.activation!r}, expected 'relu' or 'tanh'")
        if not self.project_characters and self.n_filters != self.projection_dim:
            raise UserError(
                f"network options say {self.n_filters} filters and a projection_dim of {self.projection_dim}, "
                "expected equal numbers, because there is no projection after the highway layers"
            )

    @property
    def n_filters(self) -> int:
        """The width of a token after the convolutions, which is the total number of filters."""
        return sum(n for _, n in self.filters)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of the layers as on TF-Hub, from the lowest to the highest, without the mix (``elmo``)."""
        return ("word_emb", *(f"lstm_outputs{i + 1}" for i in range(self.n_layers)))

    def width(self, layer: str) -> int:
        """Returns the number of values of a token in ``layer``: P for word_emb, and 2P (two directions) for all others.

        Raises UserError if the network does not have this layer.
        """
        known = ("elmo", *self.layer_names)
        if layer not in known:
            raise UserError(f"layer {layer!r} is not in the model; expected one of {', '.join(known)}")
        return self.projection_dim * (1 if layer == "word_emb" else 2)


def _whole_number(name: str, value: object, at_least: int) -> int:
    """Returns ``value`` as an int. Raises UserError if it is not a whole number of at least ``at_least``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < at_least:
        raise UserError(f"network option {name} is {value!r}, expected a whole number of {at_least} or more")
    return int(value)


def _bound(name: str, value: object) -> float | None:
    """Returns ``value`` as a bound for clipping: None, or a positive number. Raises UserError for other values."""
    if value is None:
        return None
    largest = sys.float_info.max  # whole numbers of JSON can be larger
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < value <= largest:
        raise UserError(f"network option {name} is {value!r}, expected a number above 0, or null for no clipping")
    return float(value)


def _filters(filters: object) -> tuple[tuple[int, int], ...]:
    """Returns ``filters`` as tuples of ints.

    Raises UserError if they are not pairs of a width and a number of filters.
    """
    pairs = list(filters) if isinstance(filters, list | tuple) else []
    if not pairs or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise UserError(f"network option filters is {filters!r}, expected pairs of a width and a number of filters")
    result = tuple((_whole_number("filter width", w, 1), _whole_number("number of filters", n, 1)) for w, n in pairs)
    if len(result) > MAX_PARTS:
        raise UserError(f"network option filters has {len(result)} pairs, expected at most {MAX_PARTS}")
    if max(width for width, _ in result) > MAX_FILTER_WIDTH:
        raise UserError(f"network option filters is {filters!r}, expected widths of at most {MAX_FILTER_WIDTH}")
    return result
