"""Models as AllenNLP, bilm-tf, NLPL and simple_elmo keep them: an options.json and one .hdf5 of weights.

A model that was trained here may have a mix of layers of its own, which options.json keeps under a key that these
programs pass over.
"""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from elmo_udf.errors import UserError
from elmo_udf.models.archives import MAX_UNPACKED_BYTES
from elmo_udf.models.form import N_CHARACTERS, Mix, Model, NetworkOptions
from elmo_udf.models.variables import (
    CHARACTERS,
    CellNames,
    check_names,
    check_rows,
    parts_of,
    to_arrays,
    variable_names,
    with_no_token_row,
)

CELLS = CellNames(kernel="LSTMCell/W_0", bias="LSTMCell/B", projection="LSTMCell/W_P_0")
TRAINING_ONLY = ("embedding", "softmax/W", "softmax/b")
"""Variables that training may leave in the file and that say nothing of a token's vectors: the words it predicted."""
N_POSITIONS = 50
"""Character positions of a token, which AllenNLP reads whatever max_characters_per_token says."""
MIX, MIX_WEIGHTS, MIX_SCALE = "scalar_mix", "weights", "gamma"
"""Keys of the mix in options.json: an object with the weights before the softmax, and the scale (AllenNLP's words)."""
MAX_EXPANSION = 100
"""How many times its size a weights file may be unpacked: compression finds little in weights, and much in a trap."""
_LARGEST = float(np.finfo(np.float32).max)


def options_files(folder: Path) -> list[Path]:
    """Files of ``folder`` that may hold the options of a network."""
    return [path for path in _visible(folder) if path.suffix == ".json" and "options" in path.name.lower()]


def weights_files(folder: Path) -> list[Path]:
    """Files of ``folder`` that may hold the weights of a network."""
    return [path for path in _visible(folder) if path.suffix.lower() in (".hdf5", ".h5")]


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def read(folder: Path, handle: str) -> Model:
    """The model in ``folder``. Raises UserError where the files are not those of one ELMo model."""
    options_file = _only(options_files(folder), "options file (*options*.json)", handle)
    weights_file = _only(weights_files(folder), "weights file (.hdf5)", handle)
    options, mix, note = read_options(options_file, handle)
    where = f"model {handle!r}, {weights_file.name}"
    variables = _variables(weights_file, where)

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
        raise UserError(f"model {handle!r}: found as {what}: {found}; expected exactly one; leave only the model's")
    return candidates[0]


def read_options(path: Path, handle: str) -> tuple[NetworkOptions, Mix, str]:
    """Options of a network from an options.json, its mix, and a note for the user, empty where there is nothing to say.

    What bilm-tf takes as absent is absent here too: no highways, one layer, no clips, no skip connections.
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
    """The mix in an options.json, or equal weights where it has none."""
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
            f"{where}: option {MIX} is {json.dumps(mix)}, expected {n_layers + 1} numbers as {MIX_WEIGHTS} (one a "
            f"layer, word_emb first) and a number as {MIX_SCALE}; leave {MIX} out for equal weights"
        )
    return Mix(tuple(numbers[:-1]), numbers[-1])


def _character_note(characters: dict[str, Any], where: str) -> str:
    """Check the options that only say how characters are counted; a note where tokens were cut shorter in training.

    n_characters is 261 while a network is trained and is to be set to 262 afterwards (README of bilm-tf); files keep
    either, and the rows of char_embed say more.
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


def _variables(path: Path, where: str) -> dict[str, np.ndarray]:
    """Every dataset of an HDF5 file by its full name, but for those of training."""
    import h5py

    variables: dict[str, np.ndarray] = {}

    most_bytes = min(MAX_EXPANSION * path.stat().st_size, MAX_UNPACKED_BYTES)

    def keep(name: str, item: object) -> None:
        nonlocal most_bytes
        if isinstance(item, h5py.Dataset) and name not in TRAINING_ONLY:
            most_bytes -= _checked_bytes(name, item, most_bytes, where)
            # bilm-tf's training does without a MultiRNNCell where there is one layer
            full_name = re.sub(r"^(RNN_[01]/RNN)/LSTMCell/", r"\1/MultiRNNCell/Cell0/LSTMCell/", name)
            variables[full_name] = item[...]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(keep)
    except UserError:
        raise
    except (OSError, RuntimeError, ValueError, TypeError, LookupError, MemoryError, OverflowError) as error:
        raise UserError(
            f"{where}: can't be read as HDF5 ({error}), expected a whole file; fetch the model again"
        ) from None
    return variables


def _checked_bytes(name: str, dataset: Any, most_bytes: int, where: str) -> int:
    """What a dataset takes in memory. Raises UserError for one that is no array of numbers, or not all in this file."""
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
            f"{where}: variable {name} has the shape {dataset.shape}, expected less of a file of this size; "
            "check where it comes from"
        )
    return int(dataset.nbytes)


def _characters(in_file: np.ndarray, where: str) -> np.ndarray:
    """``char_embed`` of a weights file: (261 or 262, d) -> (262, d) with row 0, "no token", zero.

    Files written by training have 261 rows, byte b in row b, and bilm-tf and AllenNLP put the zero row before them.
    Of 262 rows either the first is that zero row already, or the network was trained with n_characters 262: then byte
    b is in row b all the same, and the last row was never used (AllenNLP reads such a file so).
    """
    check_rows(in_file, where)
    if len(in_file) == N_CHARACTERS and in_file[0].any():
        in_file = in_file[:-1]
    return with_no_token_row(in_file, where)
