"""Writes models in the format of AllenNLP, bilm-tf and simple_elmo: an options.json and a weights.hdf5."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from elmo_udf.cleanup import written_whole
from elmo_udf.errors import UserError
from elmo_udf.models.allennlp import CELLS, MIX, MIX_SCALE, MIX_WEIGHTS, N_POSITIONS
from elmo_udf.models.form import N_CHARACTERS, Mix, Model, NetworkOptions
from elmo_udf.models.variables import CHARACTERS, CellNames, Parts, variable_names

OPTIONS_FILE = "options.json"
WEIGHTS_FILE = "weights.hdf5"


def write_allennlp(model: Model, folder: Path) -> None:
    """Writes ``model`` to ``folder`` and creates the folder if needed. ``load_model`` returns an equal model from it.

    Each of the two files appears when it is complete, and replaces an existing one. Raises UserError if they can't be
    written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with written_whole(folder / WEIGHTS_FILE) as path:
            _write_weights(path, model)
        with written_whole(folder / OPTIONS_FILE) as path:
            path.write_text(json.dumps(options_json(model), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise UserError(
            f"model folder {str(folder)!r} can't be written ({error}), expected a folder that can be made or written "
            "to; give another path"
        ) from None


def _write_weights(path: Path, model: Model) -> None:
    import h5py

    variables = network_variables(model, CELLS)
    variables[CHARACTERS] = variables[CHARACTERS][1:]  # readers put the row of "no token" before them
    with h5py.File(path, "w") as file:
        for name, value in variables.items():
            file[name] = value


def network_variables(model: Model, cells: CellNames) -> dict[str, np.ndarray]:
    """Returns the arrays of ``model`` as bilm-tf's variables, float32. It is the inverse of ``variables.to_arrays``.

    ``char_embed`` has all 262 rows. The kernels of convolutions have the shape (1, width, d, n), for conv2d.
    """
    variables = {}
    for array, variable in network_names(model.options, cells).items():
        value = model.arrays[array]
        variables[variable] = value[np.newaxis] if is_filter(array) else value
    return variables


def network_names(options: NetworkOptions, cells: CellNames) -> dict[str, str]:
    """Returns the names of the variables to which the arrays of a model are written, by the arrays' names."""
    parts = Parts(
        n_convolutions=len(options.filters),
        n_highway=options.n_highway,
        n_layers=options.n_layers,
        project_characters=options.project_characters,
        project_states=True,  # where the network had no projection it is the identity here
    )
    return dict(variable_names(parts, cells))


def is_filter(array: str) -> bool:
    """Returns whether the array is the kernel of a convolution, to which bilm-tf adds an axis of height 1."""
    return re.fullmatch(r"filter_\d+_kernel", array) is not None


def options_json(model: Model) -> dict[str, Any]:
    """Returns the content of options.json: bilm-tf's options, and the mix if the model has its own.

    Other programs ignore keys that they don't know, so they mix the layers as their own options say.
    """
    options = model.options
    result: dict[str, Any] = {
        "bidirectional": True,
        "char_cnn": {
            "activation": options.activation,
            "embedding": {"dim": options.character_dim},
            "filters": [list(pair) for pair in options.filters],
            "max_characters_per_token": N_POSITIONS,
            "n_characters": N_CHARACTERS,  # AllenNLP takes no other number
            "n_highway": options.n_highway,
        },
        "lstm": {
            "cell_clip": options.cell_clip,
            "dim": options.cell_dim,
            "n_layers": options.n_layers,
            "proj_clip": options.projection_clip,
            "projection_dim": options.projection_dim,
            "use_skip_connections": options.residual,
        },
    }
    if repr(model.mix) != repr(Mix.equal(options.n_layers)):  # 0.0 and -0.0 are equal and have two fingerprints
        result[MIX] = {MIX_WEIGHTS: list(model.mix.weights), MIX_SCALE: model.mix.scale}
    return result
