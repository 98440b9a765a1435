"""Reads the ELMo in a model of AllenNLP that was trained on top of it: the folder of its archive, with a weights.th.

The names are those of AllenNLP's modules (``allennlp/modules/elmo.py``). Its kernels are transposed, the gates of an
LSTM stand in the order i, f, j, o with the bias of 1 of the forget gate added, and its highway layers exchange the
roles of g and 1 - g.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from elmo_udf.errors import UserError
from elmo_udf.models.archives import MAX_BYTES
from elmo_udf.models.form import Mix, Model, NetworkOptions
from elmo_udf.models.torch_file import read_tensors
from elmo_udf.models.variables import check_names, listed

WEIGHTS_FILE = "weights.th"
CHARACTERS = "_token_embedder._char_embedding_weights"
CLIP = 3.0
"""Bound of cells and projections in the published models. The tensors don't contain it."""
NOTE = (
    "read from a model of AllenNLP: relu and a clip of 3 are those of the published ELMo models, of which it was made"
)

NORMALIZED = "its mix is for normalized layers, which do not exist here, so layers count equally"


def read(folder: Path, handle: str, max_bytes: int = MAX_BYTES) -> Model:
    """Returns the ELMo in the model of AllenNLP in ``folder``.

    Raises UserError if it contains no ELMo, or more than one.
    """
    where = f"model {handle!r}, {WEIGHTS_FILE}"
    tensors = read_tensors(
        folder / WEIGHTS_FILE, lambda name: "_elmo" in name or "scalar_mix" in name, where, max_bytes
    )
    found = [name for name in tensors if name.endswith(CHARACTERS)]
    if len(found) != 1:
        raise UserError(
            f"{where}: found {len(found)} tensors called …{CHARACTERS} ({listed(found)}), expected one, as in a model "
            "that was trained on top of an ELMo; give an ELMo model"
        )
    bilm = found[0].removesuffix(CHARACTERS)
    mix = {name.removeprefix(bilm.removesuffix("_elmo_lstm.")): value for name, value in tensors.items()}
    tensors = {name.removeprefix(bilm): value for name, value in tensors.items() if name.startswith(bilm)}
    options = _options(tensors, where)
    arrays = dict(_arrays(tensors, options, where))
    if _mixes_normalized_layers(folder / "config.json"):
        return Model(options, arrays, Mix.equal(options.n_layers), handle, f"{NOTE}; {NORMALIZED}")
    return Model(options, arrays, _mix(mix, options.n_layers), handle, NOTE)


def _mixes_normalized_layers(config: Path) -> bool:
    """Returns whether the configuration says that the layers are normalized before they are mixed."""
    return config.is_file() and re.search(rb'"do_layer_norm" *: *true', config.read_bytes()) is not None


def _options(tensors: Mapping[str, np.ndarray], where: str) -> NetworkOptions:
    """Returns the options of the network: sizes from the shapes of tensors, the rest as in published models."""
    embedder, first = "_token_embedder.", "_elmo_lstm.forward_layer_0."
    needed = [f"{embedder}char_conv_0.weight", f"{first}input_linearity.weight", f"{embedder}_projection.weight"]
    check_names(tensors, {*tensors, *needed}, where)
    filters = [tensors[name].shape for name in _numbered(tensors, f"{embedder}char_conv_", ".weight")]
    kernel = tensors[f"{first}input_linearity.weight"].shape
    if any(len(shape) != 3 for shape in filters) or len(kernel) != 2:
        raise UserError(f"{where}: the convolutions are {filters} and an LSTM is {kernel}, expected 3 and 2 axes")
    return NetworkOptions(
        character_dim=tensors[CHARACTERS].shape[-1],
        filters=tuple((width, n) for n, _, width in filters),
        n_highway=len(_numbered(tensors, f"{embedder}_highways._layers.", ".weight")),
        activation="relu",
        n_layers=len(_numbered(tensors, "_elmo_lstm.forward_layer_", ".input_linearity.weight")),
        cell_dim=kernel[0] // 4,
        projection_dim=kernel[1],
        cell_clip=CLIP,
        projection_clip=CLIP,
        residual=True,  # AllenNLP reads no other models
    )


def _numbered(tensors: Mapping[str, np.ndarray], prefix: str, suffix: str) -> list[str]:
    """Returns the names between whose prefix and suffix there is a number, as far as the numbers are without a gap."""
    found: list[str] = []
    while (name := f"{prefix}{len(found)}{suffix}") in tensors:
        found.append(name)
    return found


def _arrays(tensors: Mapping[str, np.ndarray], options: NetworkOptions, where: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the name and the values of every array of the model."""

    def tensor(name: str, *shape: int) -> np.ndarray:
        check_names(tensors, {*tensors, name}, where)
        if tensors[name].shape != shape:
            raise UserError(f"{where}: tensor {name} has shape {tensors[name].shape}, expected {shape}")
        return tensors[name]

    d, f, p, c = options.character_dim, options.n_filters, options.projection_dim, options.cell_dim
    yield "character_embedding", tensors[CHARACTERS]
    for i, (width, n) in enumerate(options.filters):
        yield f"filter_{i}_kernel", tensor(f"_token_embedder.char_conv_{i}.weight", n, d, width).transpose(2, 1, 0)
        yield f"filter_{i}_bias", tensor(f"_token_embedder.char_conv_{i}.bias", n)
    for i in range(options.n_highway):
        highway = f"_token_embedder._highways._layers.{i}"
        transform, carry = np.split(tensor(f"{highway}.weight", 2 * f, f).T, 2, axis=1)
        transform_bias, carry_bias = np.split(tensor(f"{highway}.bias", 2 * f), 2)
        yield f"highway_{i}_transform_kernel", transform
        yield f"highway_{i}_transform_bias", transform_bias
        yield f"highway_{i}_carry_kernel", -carry
        yield f"highway_{i}_carry_bias", -carry_bias
    yield "projection_kernel", tensor("_token_embedder._projection.weight", p, f).T
    yield "projection_bias", tensor("_token_embedder._projection.bias", p)
    for direction in ("forward", "backward"):
        for i in range(options.n_layers):
            layer = f"_elmo_lstm.{direction}_layer_{i}."
            inputs = tensor(f"{layer}input_linearity.weight", 4 * c, p)
            states = tensor(f"{layer}state_linearity.weight", 4 * c, p)
            input_gate, forget, new, output = np.split(np.concatenate([inputs, states], axis=1).T, 4, axis=1)
            yield f"{direction}_{i}_kernel", np.concatenate([input_gate, new, forget, output], axis=1)
            input_gate, forget, new, output = np.split(tensor(f"{layer}state_linearity.bias", 4 * c), 4)
            yield f"{direction}_{i}_bias", np.concatenate([input_gate, new, forget - 1, output])
            yield f"{direction}_{i}_projection", tensor(f"{layer}state_projection.weight", p, c).T


def _mix(tensors: Mapping[str, np.ndarray], n_layers: int) -> Mix:
    """Returns the first mix that was trained with the model, or equal weights if there is none."""
    names = _numbered(tensors, "scalar_mix_0.scalar_parameters.", "")
    scale = tensors.get("scalar_mix_0.gamma")
    if len(names) != n_layers + 1 or scale is None or scale.size != 1 or any(tensors[n].size != 1 for n in names):
        return Mix.equal(n_layers)
    return Mix(tuple(float(tensors[name].ravel()[0]) for name in names), float(scale.ravel()[0]))
