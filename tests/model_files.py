"""Writes models as the published programs do: an options.json with an .hdf5, in a folder or an archive."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np

from elmo_udf.models.form import Model


def options_json(model: Model) -> dict[str, dict[str, object]]:
    """What bilm-tf keeps in options.json, with the value of n_characters that its README asks for after training."""
    options = model.options
    return {
        "lstm": {
            "use_skip_connections": options.residual,
            "projection_dim": options.projection_dim,
            "cell_clip": options.cell_clip,
            "proj_clip": options.projection_clip,
            "dim": options.cell_dim,
            "n_layers": options.n_layers,
        },
        "char_cnn": {
            "activation": options.activation,
            "filters": [list(pair) for pair in options.filters],
            "n_highway": options.n_highway,
            "embedding": {"dim": options.character_dim},
            "n_characters": 262,
            "max_characters_per_token": 50,
        },
    }


def hdf5_variables(model: Model) -> dict[str, np.ndarray]:
    """The datasets of a weights file: 261 rows of char_embed, kernels of convolutions with an axis of height 1."""
    arrays, options = model.arrays, model.options
    variables = {"char_embed": arrays["character_embedding"][1:]}
    for i in range(len(options.filters)):
        variables[f"CNN/W_cnn_{i}"] = arrays[f"filter_{i}_kernel"][np.newaxis]
        variables[f"CNN/b_cnn_{i}"] = arrays[f"filter_{i}_bias"]
    for i in range(options.n_highway):
        for gate in ("carry", "transform"):
            variables[f"CNN_high_{i}/W_{gate}"] = arrays[f"highway_{i}_{gate}_kernel"]
            variables[f"CNN_high_{i}/b_{gate}"] = arrays[f"highway_{i}_{gate}_bias"]
    if options.project_characters:
        variables["CNN_proj/W_proj"] = arrays["projection_kernel"]
        variables["CNN_proj/b_proj"] = arrays["projection_bias"]
    for rnn, direction in enumerate(("forward", "backward")):
        for i in range(options.n_layers):
            cell = f"RNN_{rnn}/RNN/MultiRNNCell/Cell{i}/LSTMCell"
            variables[f"{cell}/W_0"] = arrays[f"{direction}_{i}_kernel"]
            variables[f"{cell}/B"] = arrays[f"{direction}_{i}_bias"]
            variables[f"{cell}/W_P_0"] = arrays[f"{direction}_{i}_projection"]
    return variables


def write_hdf5(path: Path, variables: dict[str, np.ndarray]) -> None:
    with h5py.File(path, "w") as file:
        for name, value in variables.items():
            file[name] = value


def write_folder(
    model: Model, folder: Path, options_name: str = "options.json", weights_name: str = "weights.hdf5"
) -> Path:
    """``folder``, made, with the model in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / options_name).write_text(json.dumps(options_json(model)))
    write_hdf5(folder / weights_name, hdf5_variables(model))
    return folder


def write_zip(folder: Path, archive: Path, below: str = "") -> Path:
    """``archive`` with the files of ``folder``, in its folder ``below``."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, Path(below) / path.relative_to(folder))
    return archive


def write_tar(folder: Path, archive: Path, below: str = ".", mode: str = "w:gz") -> Path:
    """``archive`` with the files of ``folder``, in its folder ``below``."""
    with tarfile.open(archive, mode) as file:
        file.add(folder, arcname=below)
    return archive
