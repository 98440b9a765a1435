"""The in-memory form of a model. Every reader returns it, and the network reads only this form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

import numpy as np

from elmo_udf.errors import UserError
from elmo_udf.models.options import NetworkOptions

__all__ = ["N_CHARACTERS", "Mix", "Model", "NetworkOptions", "array_shapes"]

N_CHARACTERS = 262
"""Number of rows of the character embedding: 256 bytes, 4 boundary marks, padding, and row 0 for "no token"."""


def array_shapes(options: NetworkOptions) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yields the name and the shape of every array of a network, in the order of the fingerprint.

    d is character_dim, F is n_filters, P is projection_dim and C is cell_dim. Kernels multiply rows from the right: ``y
    = x @ kernel + bias``.
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
    """A weighted mix of the layers: ``elmo = scale · Σ softmax(weights)_j · layer_j`` (Peters et al. 2018, eq. 1)."""

    weights: tuple[float, ...]
    """The weights before the softmax, one per layer, starting with word_emb."""
    scale: float

    def __post_init__(self) -> None:
        """Rounds to float32, as checkpoints do, so that equal mixes have the same fingerprint."""
        object.__setattr__(self, "weights", tuple(float(np.float32(weight)) for weight in self.weights))
        object.__setattr__(self, "scale", float(np.float32(self.scale)))

    @property
    def shares(self) -> np.ndarray:
        """The factors of the layers, ``scale · softmax(weights)``, as (J,) float64."""
        from scipy.special import softmax

        return np.asarray(self.scale * softmax(self.weights))

    @classmethod
    def equal(cls, n_layers: int) -> Mix:
        """Returns the mean of word_emb and ``n_layers`` LSTM layers. A model without a mix of its own has this one."""
        return cls((0.0,) * (n_layers + 1), 1.0)


@dataclass(frozen=True, eq=False)
class Model:
    """Frozen weights and options of one bidirectional language model.

    To compare two models, compare their fingerprints.

    ``arrays`` are float32 and read-only, and are exactly those of :func:`~elmo_udf.models.form.array_shapes`. Row 0 of
    ``character_embedding`` ("no token") is zero. Raises UserError if the arrays are different.
    """

    options: NetworkOptions
    arrays: Mapping[str, np.ndarray]
    mix: Mix
    handle: str = ""
    """Where the model came from, as the user named it. It is not part of the fingerprint."""
    note: str = ""
    """A sentence that the user should see, for example that the weights are untrained."""

    def __post_init__(self) -> None:
        expected = dict(array_shapes(self.options))
        missing, surplus = sorted(expected.keys() - self.arrays.keys()), sorted(self.arrays.keys() - expected.keys())
        if missing or surplus:
            raise UserError(
                f"model {self.handle!r}: missing arrays {missing}, surplus arrays {surplus}; "
                "expected those of an ELMo network of these options; check that options and weights belong together"
            )
        frozen = {name: self._frozen(name, shape) for name, shape in expected.items()}
        object.__setattr__(self, "arrays", MappingProxyType(frozen))
        if frozen["character_embedding"][0].any():
            raise UserError(
                f"model {self.handle!r}: row 0 of character_embedding is not zero, expected zeros (it stands for "
                "no token); set it to zero"
            )
        self._check_mix()

    def _frozen(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Returns the array ``name`` as read-only float32, after checks."""
        array = self.arrays[name]
        if array.shape != shape:
            raise UserError(
                f"model {self.handle!r}: array {name} has shape {array.shape}, expected {shape}; "
                "check that options and weights belong together"
            )
        if array.dtype.kind in "OSUbiucmM":
            raise UserError(
                f"model {self.handle!r}: array {name} holds {array.dtype}, expected floating point numbers; "
                "fetch or export the model again"
            )
        with np.errstate(over="ignore"):  # what is too large for float32 is infinite, and refused
            array = np.ascontiguousarray(array, dtype=np.float32).view()
        if not np.isfinite(array).all():
            raise UserError(
                f"model {self.handle!r}: array {name} holds NaN or infinite values, expected finite weights; "
                "fetch or export the model again"
            )
        array.flags.writeable = False
        return array

    def _check_mix(self) -> None:
        """Raises UserError if the mix does not fit the layers."""
        if len(self.mix.weights) != self.options.n_layers + 1:
            raise UserError(
                f"model {self.handle!r}: {len(self.mix.weights)} mix weights, expected {self.options.n_layers + 1} "
                "(one per layer, word_emb first); export the model again"
            )
        if not np.isfinite([*self.mix.weights, self.mix.scale]).all():
            raise UserError(
                f"model {self.handle!r}: the mix has the weights {self.mix.weights} and the scale {self.mix.scale}, "
                "expected finite numbers; fetch or export the model again"
            )

    def fingerprint(self) -> str:
        """Returns a digest of options, mix and arrays: 16 hex digits, equal for equal weights from any source."""
        digest = hashlib.sha256()
        digest.update(json.dumps([asdict(self.options), asdict(self.mix)], sort_keys=True).encode())
        for name, _ in array_shapes(self.options):
            digest.update(self.arrays[name].data)
        return digest.hexdigest()[:16]

    def width(self, layer: str) -> int:
        """Returns the number of values that a token has in ``layer``; see :meth:`NetworkOptions.width`."""
        return self.options.width(layer)
