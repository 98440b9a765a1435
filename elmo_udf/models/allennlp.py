"""Reads models in the format of AllenNLP, bilm-tf, NLPL and simple_elmo: an options.json and one .hdf5 file.

Instead of the .hdf5 file there may be a checkpoint, as bilm-tf's training leaves it.

A model that ``jobs/train.py`` trained may have its own mix of layers. options.json stores it under a key that the other
programs ignore.
"""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from elmo_udf.errors import UserError
from elmo_udf.models import bilm
from elmo_udf.models.archives import MAX_BYTES
from elmo_udf.models.form import N_CHARACTERS, Mix, Model, NetworkOptions
from elmo_udf.models.variables import (
    CHARACTERS,
    CellNames,
    check_names,
    check_rows,
    is_of_training,
    parts_of,
    to_arrays,
    variable_names,
    with_no_token_row,
)

CELLS = CellNames(kernel="LSTMCell/W_0", bias="LSTMCell/B", projection="LSTMCell/W_P_0")
N_POSITIONS = 50
"""Number of characters of a token. AllenNLP reads this many, whatever max_characters_per_token says."""
MIX, MIX_WEIGHTS, MIX_SCALE = "scalar_mix", "weights", "gamma"
"""Keys of the mix in options.json: an object with the weights before the softmax, and the scale (AllenNLP's names)."""
MAX_EXPANSION = 100
"""Largest ratio of the unpacked size of a weights file to its own size.

Real weights hardly compress; a decompression bomb compresses far more.
"""
MAX_DEPTH = 20
"""Largest number of slashes in a name. A variable of bilm-tf has five."""
_OPTIONS_NAME = re.compile(r"options.*\.json(\.txt)?$", re.IGNORECASE)
"""A browser may save a file of JSON with .txt at its end."""
_LARGEST = float(np.finfo(np.float32).max)


def options_files(folder: Path) -> list[Path]:
    """Returns the files in ``folder`` that may contain the options of a network."""
    return [path for path in _visible(folder) if _OPTIONS_NAME.search(path.name)]


def weights_files(folder: Path) -> list[Path]:
    """Returns the files in ``folder`` that may contain the weights of a network."""
    return [path for path in _visible(folder) if path.suffix.lower() in (".hdf5", ".h5")]


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def read(folder: Path, handle: str, max_bytes: int = MAX_BYTES) -> Model:
    """Returns the model in ``folder``.

    Raises UserError if its files are not those of exactly one ELMo model, of at most ``max_bytes``.
    """
    options_file = _only(options_files(folder), "options file (*options*.json)", handle)
    options, mix, note = read_options(options_file, handle)
    if bilm.index_files(folder) and not weights_files(folder):
        weights_file = bilm.newest(folder, handle)
        where = f"model {handle!r}, {weights_file.name}"
        variables = bilm.variables(weights_file, where, max_bytes)
    else:
        weights_file = _only(weights_files(folder), "weights file (.hdf5)", handle)
        where = f"model {handle!r}, {weights_file.name}"
        variables = _variables(weights_file, where, max_bytes)
    variables = {_full_name(name): value for name, value in variables.items()}

    found = parts_of(variables, CELLS)
    # Where the sizes agree, a network may have been made without a projection: then the file decides.
    project_characters = options.n_filters != options.projection_dim or found.project_characters
    project_states = options.cell_dim != options.projection_dim or found.project_states
    parts = dataclasses.replace(
        found,
        n_convolutions=len(options.filters),
        n_highway=options.n_highway,
        n_layers=options.n_layers,
        project_characters=project_characters,
        project_states=project_states,
    )
    options = dataclasses.replace(
        options,
        project_characters=project_characters,
        projection_clip=options.projection_clip if project_states else None,  # TensorFlow clips projections only
    )
    names = dict(variable_names(parts, CELLS))
    check_names(variables, names.values(), where)
    variables[CHARACTERS] = _characters(variables[CHARACTERS], where)
    return Model(options, to_arrays(variables, names, options, where), mix, handle, note)


def _only(candidates: list[Path], what: str, handle: str) -> Path:
    if len(candidates) != 1:
        found = ", ".join(path.name for path in candidates) or "none"
        raise UserError(
            f"model {handle!r}: found {len(candidates)} files that may be the {what}: {found}; expected exactly one; "
            + ("remove the others" if candidates else "put it beside the other files of the model")
        )
    return candidates[0]


def read_options(path: Path, handle: str) -> tuple[NetworkOptions, Mix, str]:
    """Returns the options of the network in an options.json, its mix, and a note for the user (often empty).

    Missing keys mean the same as in bilm-tf: no highway layers, one LSTM layer, no clipping, no skip connections.
    """
    where = f"model {handle!r}, {path.name}"
    try:
        options = json.loads(path.read_bytes())
        lstm, characters = options["lstm"], options["char_cnn"]
        network = NetworkOptions(
            character_dim=characters["embedding"]["dim"],
            filters=characters["filters"],
            n_highway=characters.get("n_highway") or 0,
            activation=characters["activation"],
            n_layers=lstm.get("n_layers", 1),
            cell_dim=lstm["dim"],
            projection_dim=lstm["projection_dim"],
            cell_clip=lstm.get("cell_clip"),
            projection_clip=lstm.get("proj_clip"),
            residual=lstm.get("use_skip_connections") or False,
            project_characters=True,
        )
    except KeyError as error:
        raise UserError(
            f"{where}: option {error} is missing, expected the options of a network that reads characters "
            "(char_cnn and lstm); use the options.json that came with the weights"
        ) from None
    except UserError as error:
        raise UserError(f"{where}: {error}; use the options.json that came with the weights") from None
    except (OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise UserError(
            f"{where}: not the options of a network ({error}), expected a JSON object with char_cnn and lstm; "
            "use the options.json that came with the weights"
        ) from None
    return network, _mix(options, network.n_layers, where), _character_note(characters, where)


def _mix(options: dict[str, Any], n_layers: int, where: str) -> Mix:
    """Returns the mix in an options.json, or equal weights if there is none."""
    if MIX not in options:
        return Mix.equal(n_layers)
    mix = options[MIX]
    weights = mix.get(MIX_WEIGHTS) if isinstance(mix, dict) else None
    numbers = [*weights, mix.get(MIX_SCALE)] if isinstance(weights, list) else []
    if (
        len(numbers) != n_layers + 2
        or mix.keys() != {MIX_WEIGHTS, MIX_SCALE}
        or not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers)
        or not all(abs(number) <= _LARGEST for number in numbers)  # which NaN is not either
    ):
        raise UserError(
            f"{where}: option {MIX} is {json.dumps(mix)}, expected {n_layers + 1} numbers as {MIX_WEIGHTS} (one per "
            f"layer, word_emb first) and a number as {MIX_SCALE}; leave {MIX} out for equal weights"
        )
    return Mix(tuple(numbers[:-1]), numbers[-1])


def _character_note(characters: dict[str, Any], where: str) -> str:
    """Checks the options about character counts. Returns a note if training used shorter tokens, else an empty string.

    n_characters is 261 during training, and should be set to 262 afterwards (README of bilm-tf). Files have either
    number, so the rows of char_embed decide.
    """
    n_characters = characters.get("n_characters", N_CHARACTERS)
    if n_characters not in (N_CHARACTERS - 1, N_CHARACTERS):
        raise UserError(
            f"{where}: option n_characters is {n_characters!r}, expected 261 or 262; "
            "models with another set of characters can't be read"
        )
    n_positions = characters.get("max_characters_per_token", N_POSITIONS)
    if n_positions == N_POSITIONS:
        return ""
    return f"trained on tokens of at most {n_positions} characters; here they have {N_POSITIONS}, as in AllenNLP"


def _variables(path: Path, where: str, max_bytes: int) -> dict[str, np.ndarray]:
    """Returns every dataset of an HDF5 file by its full name, except those that only training needs."""
    import h5py

    variables: dict[str, np.ndarray] = {}

    most_bytes = min(MAX_EXPANSION * path.stat().st_size, max_bytes)

    def keep(name: str | bytes, item: object) -> None:
        nonlocal most_bytes
        if isinstance(name, bytes):
            raise UserError(
                f"{where}: the name {name!r} is not UTF-8, expected the names of variables; fetch or export the model "
                "again"
            )
        if name.count("/") > MAX_DEPTH:  # HDF5 needs minutes to walk through thousands of groups inside of each other
            raise UserError(
                f"{where}: groups lie more than {MAX_DEPTH} deep in each other, expected the names of variables; don't "
                "use this model"
            )
        if isinstance(item, h5py.Dataset) and not is_of_training(name):
            most_bytes -= _checked_bytes(name, item, most_bytes, where)
            variables[name] = item[...]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(keep)
    except UserError:
        raise
    except (OSError, RuntimeError, ValueError, TypeError, LookupError, MemoryError, OverflowError) as error:
        raise UserError(
            f"{where}: can't be read as HDF5 ({error}), expected a complete file; fetch the model again"
        ) from None
    return variables


def _full_name(name: str) -> str:
    """Returns the name that a variable of several layers has: with one layer, bilm-tf does without a MultiRNNCell."""
    return re.sub(r"^(RNN_[01]/RNN)/LSTMCell/", r"\1/MultiRNNCell/Cell0/LSTMCell/", name)


def _checked_bytes(name: str, dataset: Any, most_bytes: int, where: str) -> int:
    """Returns the size of a dataset in memory in bytes.

    Raises UserError if it is not an array of numbers, is stored in another file, or is too large.
    """
    if dataset.external or dataset.is_virtual:  # HDF5 would read whatever file it names
        raise UserError(
            f"{where}: the values of {name} are in another file, expected all of them in this one; don't use this model"
        )
    if dataset.shape is None or dataset.dtype.kind != "f":
        raise UserError(
            f"{where}: variable {name} holds {dataset.dtype} in the shape {dataset.shape}, expected floating point "
            "numbers; fetch or export the model again"
        )
    if dataset.nbytes > most_bytes:
        raise UserError(
            f"{where}: variable {name} has the shape {dataset.shape}, expected a smaller one in a file of this size; "
            "check where the model comes from"
        )
    return int(dataset.nbytes)


def _characters(in_file: np.ndarray, where: str) -> np.ndarray:
    """Returns ``char_embed`` with 262 rows: (261 or 262, d) to (262, d). Row 0 means "no token" and is zero.

    Files that training wrote have 261 rows, with byte b in row b; bilm-tf and AllenNLP add the zero row in front. In a
    file with 262 rows, the first row is either this zero row, or the network was trained with n_characters 262. Then
    byte b is in row b as well, and the last row was never used (AllenNLP reads such a file in the same way).
    """
    check_rows(in_file, where)
    if len(in_file) == N_CHARACTERS and in_file[0].any():
        in_file = in_file[:-1]
    return with_no_token_row(in_file, where)
