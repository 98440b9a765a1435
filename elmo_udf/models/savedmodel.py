"""Reads the variables of SavedModels as on TF-Hub, and never runs their graph."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from elmo_udf.errors import UserError
from elmo_udf.models.archives import MAX_BYTES
from elmo_udf.models.checkpoint import read_checkpoint
from elmo_udf.models.form import Mix, Model, NetworkOptions
from elmo_udf.models.variables import (
    CHARACTERS,
    CellNames,
    Parts,
    check_names,
    check_rows,
    listed,
    parts_of,
    to_arrays,
    variable_names,
    with_no_token_row,
)

CELLS = CellNames("rnn/lstm_cell/kernel", "rnn/lstm_cell/bias", "rnn/lstm_cell/projection/kernel")
MIX_WEIGHTS, MIX_SCALE = "aggregation/weights", "aggregation/scaling"
CLIP = 3.0
"""Bound of cells and projections in the published models. The variables of a SavedModel don't contain it."""


def is_saved_model(folder: Path) -> bool:
    """Returns whether TensorFlow would load ``folder`` as a SavedModel."""
    return (folder / "saved_model.pb").is_file()


def read(folder: Path, handle: str, max_bytes: int = MAX_BYTES) -> Model:
    """Returns the model in the SavedModel ``folder``.

    Raises UserError if its variables are not those of one ELMo model of at most ``max_bytes``.
    """
    where = f"model {handle!r}"
    variables = _of_network(read_checkpoint(folder / "variables" / "variables", where, max_bytes), where)
    mix_names = {name for name in variables if name in (MIX_WEIGHTS, MIX_SCALE)}
    parts = parts_of(variables.keys() - mix_names, CELLS)
    names = dict(variable_names(parts, CELLS))
    check_names(variables, {*names.values(), *((MIX_WEIGHTS, MIX_SCALE) if mix_names else ())}, where)

    options = _options(parts, variables, where)
    variables[CHARACTERS] = with_no_token_row(variables[CHARACTERS], where)
    arrays = to_arrays(variables, names, options, where)
    return Model(options, arrays, _mix(variables, parts.n_layers, where), handle)


def _of_network(variables: dict[str, np.ndarray], where: str) -> dict[str, np.ndarray]:
    """Returns the variables by their names without their prefix, such as ``module/bilm/``.

    The mix is called ``aggregation/...``, as on TF-Hub.
    """
    characters = [name for name in variables if name == CHARACTERS or name.endswith(f"/{CHARACTERS}")]
    if len(characters) != 1:
        raise UserError(
            f"{where}: found {len(characters)} variables called {CHARACTERS} among {listed(list(variables))}; "
            "expected one, as in an ELMo SavedModel; check that this is an ELMo model"
        )
    network = characters[0].removesuffix(CHARACTERS)  # such as "module/bilm/"
    module = re.sub(r"(^|/)bilm/$", r"\1", network)  # such as "module/"
    named = {_mix_name(name.removeprefix(module)) or name.removeprefix(network): name for name in variables}
    if len(named) < len(variables):
        mixes = [name for name in variables if _mix_name(name.removeprefix(module))]
        raise UserError(
            f"{where}: found the mixes {listed(mixes)}, expected one mix of the layers; export the model with one"
        )
    return {new: variables[old] for new, old in named.items()}


def _mix_name(name: str) -> str:
    """Returns TF-Hub's name of a variable of the mix, or an empty string for other variables.

    bilm-tf and DeepPavlov call them ``NAME_ELMo_W`` and ``NAME_ELMo_gamma`` (``weight_layers``). They add the same
    number to all weights before the softmax, which changes nothing.
    """
    if name in (MIX_WEIGHTS, MIX_SCALE):
        return name
    found = re.fullmatch(r"(aggregation/)?\w*ELMo_(W|gamma)", name)
    return {"W": MIX_WEIGHTS, "gamma": MIX_SCALE}[found[2]] if found else ""


def _options(parts: Parts, variables: dict[str, np.ndarray], where: str) -> NetworkOptions:
    """Returns the options of the network: sizes from the shapes of variables, the rest as in published models."""
    check_rows(variables[CHARACTERS], where)
    cell = "RNN_0/RNN/MultiRNNCell/Cell0"
    kernel = _shape(variables, f"{cell}/{CELLS.kernel}", 2, where)
    filters = [_shape(variables, f"CNN/W_cnn_{i}", 4, where) for i in range(max(1, parts.n_convolutions))]
    n_filters, cell_dim, projection_dim = sum(n for *_, n in filters), kernel[1] // 4, kernel[0] // 2
    needed = ["CNN_proj/W_proj", "CNN_proj/b_proj"] if n_filters != projection_dim else []
    needed += [f"{cell}/{CELLS.projection}"] if cell_dim != projection_dim else []
    check_names(variables, {*variables, *needed}, where)
    return NetworkOptions(
        character_dim=variables[CHARACTERS].shape[1],
        filters=tuple((width, n) for _, width, _, n in filters),
        n_highway=parts.n_highway,
        activation="relu",
        n_layers=parts.n_layers,
        cell_dim=cell_dim,
        projection_dim=projection_dim,
        cell_clip=CLIP,
        projection_clip=CLIP if parts.project_states else None,
        residual=True,
        project_characters=parts.project_characters,
    )


def _shape(variables: dict[str, np.ndarray], name: str, n_axes: int, where: str) -> tuple[int, ...]:
    """Returns the shape of a variable that every ELMo model has.

    Raises UserError if the variable is missing, or does not have ``n_axes`` axes.
    """
    check_names(variables, {*variables, name}, where)
    shape = variables[name].shape
    if len(shape) != n_axes or 0 in shape:
        raise UserError(f"{where}: variable {name} has shape {shape}, expected {n_axes} axes; export the model again")
    return shape


def _mix(variables: dict[str, np.ndarray], n_layers: int, where: str) -> Mix:
    """Returns the SavedModel's mix of layers, or equal weights if it has none."""
    if MIX_WEIGHTS not in variables:
        return Mix.equal(n_layers)
    weights, scale = variables[MIX_WEIGHTS], variables[MIX_SCALE]
    if weights.size != n_layers + 1 or scale.size != 1 or weights.dtype.kind in "OSU" or scale.dtype.kind in "OSU":
        raise UserError(
            f"{where}: variables {MIX_WEIGHTS} and {MIX_SCALE} are {weights.dtype} {weights.shape} and {scale.dtype} "
            f"{scale.shape}, expected numbers, ({n_layers + 1},) and (); export the model again"
        )
    return Mix(tuple(weights.ravel()), float(scale.ravel()[0]))
