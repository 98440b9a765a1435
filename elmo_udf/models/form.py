"""The one in-memory form of a model: every source of weights ends here, and the network reads only this."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType

import numpy as np

from elmo_udf.errors import UserError

N_CHARACTERS = 262
"""Rows of the character embedding: 256 bytes, 4 boundary marks, padding, and row 0 for "no token"."""


@dataclass(frozen=True)
class NetworkOptions:
    """What the arrays alone do not say, and what says how large they are.

    Names follow Peters et al. 2018 and the published options.json files.
    """

    character_dim: int
    filters: tuple[tuple[int, int], ...]
    """(width in characters, number of filters) of each convolution, in order."""
    n_highway: int
    activation: str
    """Of the convolutions: ``relu`` or ``tanh``. Highway layers always use relu."""
    n_layers: int
    cell_dim: int
    projection_dim: int
    cell_clip: float | None
    projection_clip: float | None
    residual: bool
    """Whether a layer's input is added to its output, from the second LSTM layer on (``use_skip_connections``)."""
    project_characters: bool = True
    """False where the network was made without a projection after the highways (n_filters equals projection_dim)."""

    @property
    def n_filters(self) -> int:
        """Width of a token after the convolutions: the sum over all filter sizes."""
        return sum(n for _, n in self.filters)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers as TF-Hub calls them, from the bottom, without the mix (``elmo``)."""
        return ("word_emb", *(f"lstm_outputs{i + 1}" for i in range(self.n_layers)))


def array_shapes(options: NetworkOptions) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every array of a network, in the order of the fingerprint.

    With d = character_dim, F = n_filters, P = projection_dim, C = cell_dim.
    Kernels multiply rows from the right: ``y = x @ kernel + bias``.
    """
    d, f, p, c = options.character_dim, options.n_filters, options.projection_dim, options.cell_dim
    yield "character_embedding", (N_CHARACTERS, d)
    for i, (width, n) in enumerate(options.filters):
        yield f"filter_{i}_kernel", (width, d, n)
        yield f"filter_{i}_bias", (n,)
    for i in range(options.n_highway):
        for gate in ("carry", "transform"):
            yield f"highway_{i}_{gate}_kernel", (f, f)
            yield f"highway_{i}_{gate}_bias", (f,)
    if options.project_characters:
        yield "projection_kernel", (f, p)
        yield "projection_bias", (p,)
    for direction in ("forward", "backward"):
        for i in range(options.n_layers):
            yield f"{direction}_{i}_kernel", (p + p, 4 * c)  # rows: input, then state; columns: gates i, j, f, o
            yield f"{direction}_{i}_bias", (4 * c,)
            yield f"{direction}_{i}_projection", (c, p)


@dataclass(frozen=True)
class Mix:
    """The task's mix of layers: ``elmo = scale · Σ softmax(weights)_j · layer_j`` (Peters et al. 2018, eq. 1)."""

    weights: tuple[float, ...]
    """Before the softmax; one a layer, word_emb first."""
    scale: float


@dataclass(frozen=True)
class Model:
    """Frozen weights and options of one bidirectional language model.

    ``arrays`` are float32, read-only, and exactly those of :func:`array_shapes`;
    row 0 of ``character_embedding`` ("no token") is zero.
    """

    options: NetworkOptions
    arrays: Mapping[str, np.ndarray]
    mix: Mix
    handle: str = field(compare=False, default="")
    """Where it came from, as the user named it. Not part of the fingerprint."""
    note: str = field(compare=False, default="")
    """A sentence the user should see, such as that the weights are untrained."""

    def __post_init__(self) -> None:
        expected = dict(array_shapes(self.options))
        missing, surplus = sorted(expected.keys() - self.arrays.keys()), sorted(self.arrays.keys() - expected.keys())
        if missing or surplus:
            raise UserError(
                f"model {self.handle!r}: missing arrays {missing}, surplus arrays {surplus}; "
                "expected those of an ELMo network of these options; check that options and weights belong together"
            )
        frozen = {}
        for name, shape in expected.items():
            array = np.ascontiguousarray(self.arrays[name], dtype=np.float32)
            if array.shape != shape:
                raise UserError(
                    f"model {self.handle!r}: array {name} has shape {array.shape}, expected {shape}; "
                    "check that options and weights belong together"
                )
            if not np.isfinite(array).all():
                raise UserError(
                    f"model {self.handle!r}: array {name} holds NaN or infinite values, expected finite weights; "
                    "fetch or export the model again"
                )
            array = array.view()
            array.flags.writeable = False
            frozen[name] = array
        object.__setattr__(self, "arrays", MappingProxyType(frozen))
        if len(self.mix.weights) != self.options.n_layers + 1:
            raise UserError(
                f"model {self.handle!r}: {len(self.mix.weights)} mix weights, expected {self.options.n_layers + 1} "
                "(one a layer, word_emb first); export the model again"
            )

    def fingerprint(self) -> str:
        """Digest of options, mix and arrays in memory, 16 hex digits: equal for equal weights whatever their source."""
        digest = hashlib.sha256()
        digest.update(json.dumps([asdict(self.options), asdict(self.mix)], sort_keys=True).encode())
        for name, _ in array_shapes(self.options):
            digest.update(self.arrays[name].tobytes())
        return digest.hexdigest()[:16]

    def width(self, layer: str) -> int:
        """Number of values a token has in ``layer``: P for word_emb, two directions (2P) for every other."""
        if layer != "elmo" and layer not in self.options.layer_names:
            known = ", ".join(("elmo", *self.options.layer_names))
            raise UserError(f"layer {layer!r} is not in model {self.handle!r}; expected one of {known}")
        return self.options.projection_dim * (1 if layer == "word_emb" else 2)
