"""Reads the variables of SavedModels as on TF-Hub, and never runs their graph.

In a TF1 SavedModel, the checkpoint stores the variables under their names. In a TF2 SavedModel, the keys describe the
position of an object in the program that wrote it (``variables/3/.ATTRIBUTES/VARIABLE_VALUE``). The object graph, which
the checkpoint also contains, has the name of each variable.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from elmo_udf.errors import UserError
from elmo_udf.models.form import Mix, Model, NetworkOptions
from elmo_udf.models.variables import (
    CHARACTERS,
    CellNames,
    Parts,
    check_names,
    check_rows,
    is_of_training,
    listed,
    parts_of,
    to_arrays,
    variable_names,
    with_no_token_row,
)

CELLS = CellNames("rnn/lstm_cell/kernel", "rnn/lstm_cell/bias", "rnn/lstm_cell/projection/kernel")
MIX_WEIGHTS, MIX_SCALE = "aggregation/weights", "aggregation/scaling"
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
CLIP = 3.0
"""Bound of cells and projections in the published models. The variables of a SavedModel don't contain it."""


def is_saved_model(folder: Path) -> bool:
    """Returns whether TensorFlow would load ``folder`` as a SavedModel."""
    return (folder / "saved_model.pb").is_file()


def read(folder: Path, handle: str) -> Model:
    """Returns the model in the SavedModel ``folder``.

    Raises UserError if its variables are not those of one ELMo model.
    """
    where = f"model {handle!r}"
    checkpoint = _open(folder, where)
    keys = _network_keys(_variable_keys(checkpoint, where), where)
    mix_names = {name for name in keys if name in (MIX_WEIGHTS, MIX_SCALE)}
    parts = parts_of(keys.keys() - mix_names, CELLS)
    names = dict(variable_names(parts, CELLS))
    check_names(keys, {*names.values(), *((MIX_WEIGHTS, MIX_SCALE) if mix_names else ())}, where)

    variables = {name: np.asarray(_value(checkpoint, key, where)) for name, key in keys.items()}
    options = _options(parts, variables, where)
    variables[CHARACTERS] = with_no_token_row(variables[CHARACTERS], where)
    arrays = to_arrays(variables, names, options, where)
    return Model(options, arrays, _mix(variables, parts.n_layers, where), handle)


def _open(folder: Path, where: str) -> Any:
    """Returns TensorFlow's reader for the checkpoint in a SavedModel."""
    import tensorflow as tf

    try:
        return tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    except (tf.errors.OpError, ValueError, RuntimeError, LookupError) as error:
        raise UserError(
            f"{where}: the variables of the SavedModel can't be read ({error}), expected a checkpoint in its folder "
            "variables; fetch the model again"
        ) from None


def _value(checkpoint: Any, key: str, where: str) -> np.ndarray:
    import tensorflow as tf

    try:
        value: np.ndarray = checkpoint.get_tensor(key)
    except (tf.errors.OpError, ValueError, RuntimeError, LookupError) as error:
        raise UserError(
            f"{where}: variable {key} can't be read ({error}), expected a complete checkpoint; fetch the model again"
        ) from None
    return value


def _variable_keys(checkpoint: Any, where: str) -> dict[str, str]:
    """Returns the key in the checkpoint of every variable, by the variable's full name."""
    all_keys = checkpoint.get_variable_to_shape_map()
    if OBJECT_GRAPH not in all_keys:
        return {key.removesuffix(":0"): key for key in all_keys}
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

    try:
        graph = TrackableObjectGraph.FromString(_value(checkpoint, OBJECT_GRAPH, where))
    except (DecodeError, TypeError) as error:
        raise UserError(
            f"{where}: the names of the variables can't be read ({error}), expected a complete checkpoint; fetch the "
            "model again"
        ) from None
    keys: dict[str, str] = {}
    for attribute in (attribute for node in graph.nodes for attribute in node.attributes):
        name = attribute.full_name.removesuffix(":0") or attribute.checkpoint_key
        if attribute.name != "VARIABLE_VALUE":
            continue
        if keys.setdefault(name, attribute.checkpoint_key) != attribute.checkpoint_key:
            raise UserError(f"{where}: two variables are called {name}, expected one; export the model again")
    return {name: key for name, key in keys.items() if key in all_keys}


def _network_keys(keys: dict[str, str], where: str) -> dict[str, str]:
    """Returns the keys by the names of the variables without their prefix, such as ``module/bilm/``.

    It leaves out variables that only training needs. The mix keeps its name ``aggregation/...``.
    """
    keys = {name: key for name, key in keys.items() if not is_of_training(name)}
    characters = [name for name in keys if name == CHARACTERS or name.endswith(f"/{CHARACTERS}")]
    if len(characters) != 1:
        raise UserError(
            f"{where}: found {len(characters)} variables called {CHARACTERS} among {listed(list(keys))}; "
            "expected one, as in an ELMo SavedModel; check that this is an ELMo model"
        )
    network = characters[0].removesuffix(CHARACTERS)  # such as "module/bilm/"
    module = re.sub(r"(^|/)bilm/$", r"\1", network)  # such as "module/"
    mix = {module + name: name for name in (MIX_WEIGHTS, MIX_SCALE)}
    return {mix.get(name, name.removeprefix(network)): key for name, key in keys.items()}


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
