"""Converts the variables of a bilm-tf network, by the names that bilm-tf gives them, to the arrays of a model.

The files of AllenNLP, NLPL and TF-Hub still use these names (Peters et al. 2018). Only the names inside of the LSTM
cells differ between a weights file (``.hdf5``) and a TensorFlow checkpoint.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from elmo_udf.errors import UserError
from elmo_udf.models.form import N_CHARACTERS, NetworkOptions, array_shapes

CHARACTERS = "char_embed"
N_SHOWN = 4
"""Number of names that a message lists. It only counts the others."""

_OF_TRAINING = re.compile(
    r"(.*/)?(global_step|save_counter|beta_?[12](_power)?|learning_rate|iter|iterations?|decay"  # how training went
    r"|(adam|adagrad|momentum|rmsprop|ftrl|adadelta)(_\d+)?(/.*)?"  # an optimizer's slots
    r"|variable(_\d+)?"  # bilm-tf's LSTM states of the batch before, which have no name of their own
    r"|embedding|softmax/[wb])",  # the softmax over the predicted words
    re.IGNORECASE,
)


@dataclass(frozen=True)
class CellNames:
    """The names of an LSTM cell's variables, below ``RNN_0/RNN/MultiRNNCell/Cell0/``."""

    kernel: str
    bias: str
    projection: str


@dataclass(frozen=True)
class Parts:
    """The number of parts of each kind that a network has."""

    n_convolutions: int
    n_highway: int
    n_layers: int
    project_characters: bool
    project_states: bool
    """False if the LSTMs have no projection, as in bilm-tf if dim equals projection_dim."""


def parts_of(names: Collection[str], cells: CellNames) -> Parts:
    """Returns the parts of the network whose variables are called ``names``.

    It counts a part even if variables are missing.
    """

    def count(pattern: str) -> int:
        found = (re.match(pattern, name) for name in names)
        return 1 + max((int(match[1]) for match in found if match), default=-1)

    return Parts(
        n_convolutions=count(r"CNN/[Wb]_cnn_(\d{1,3})$"),
        n_highway=count(r"CNN_high_(\d{1,3})/"),
        n_layers=count(r"RNN_[01]/RNN/MultiRNNCell/Cell(\d{1,3})/"),
        project_characters=any(name.startswith("CNN_proj/") for name in names),
        project_states=any(name.startswith("RNN_") and name.endswith(f"/{cells.projection}") for name in names),
    )


def variable_names(parts: Parts, cells: CellNames) -> Iterator[tuple[str, str]]:
    """Yields the name of every array of a model with these parts, and the name of the variable that it is read from."""
    yield "character_embedding", CHARACTERS
    for i in range(parts.n_convolutions):
        yield f"filter_{i}_kernel", f"CNN/W_cnn_{i}"
        yield f"filter_{i}_bias", f"CNN/b_cnn_{i}"
    for i in range(parts.n_highway):
        for gate in ("carry", "transform"):
            yield f"highway_{i}_{gate}_kernel", f"CNN_high_{i}/W_{gate}"
            yield f"highway_{i}_{gate}_bias", f"CNN_high_{i}/b_{gate}"
    if parts.project_characters:
        yield "projection_kernel", "CNN_proj/W_proj"
        yield "projection_bias", "CNN_proj/b_proj"
    for rnn, direction in enumerate(("forward", "backward")):
        for i in range(parts.n_layers):
            cell = f"RNN_{rnn}/RNN/MultiRNNCell/Cell{i}"
            yield f"{direction}_{i}_kernel", f"{cell}/{cells.kernel}"
            yield f"{direction}_{i}_bias", f"{cell}/{cells.bias}"
            if parts.project_states:
                yield f"{direction}_{i}_projection", f"{cell}/{cells.projection}"


def is_of_training(name: str) -> bool:
    """Returns whether only training needs the variable ``name``. Files may contain it; vectors don't need it."""
    return _OF_TRAINING.fullmatch(name) is not None


def check_names(found: Collection[str], expected: Collection[str], where: str) -> None:
    """Raises UserError if a variable is missing, or if the network has no place for one."""
    missing, surplus = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if missing or surplus:
        raise UserError(
            f"{where}: missing variables: {listed(missing)}; surplus variables: {listed(surplus)}; "
            "expected those of a bilm-tf network and no others; check that this is a complete ELMo model"
        )


def listed(names: Collection[str]) -> str:
    """Returns the first names, and the number of the others."""
    shown, more = ", ".join(sorted(names)[:N_SHOWN]), len(names) - N_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "none"


def to_arrays(
    variables: Mapping[str, np.ndarray], names: Mapping[str, str], options: NetworkOptions, where: str
) -> dict[str, np.ndarray]:
    """Returns the arrays of a model, made from its variables, after checking their shapes.

    ``names`` is the result of :func:`variable_names`. ``char_embed`` must have all 262 rows (see the functions below).
    LSTMs without a projection get the identity matrix, which is exact.
    """
    arrays = {}
    for array, shape in array_shapes(options):
        if array not in names:  # only a projection of states can be absent
            arrays[array] = np.eye(*shape, dtype=np.float32)
            continue
        value = variables[names[array]]
        in_file = (1, *shape) if re.fullmatch(r"filter_\d+_kernel", array) else shape  # (1, width, d, n) for conv2d
        if value.shape != in_file:
            raise UserError(
                f"{where}: variable {names[array]} has shape {value.shape}, expected {in_file}; "
                "check that options and weights belong together"
            )
        arrays[array] = value.reshape(shape)
    return arrays


def with_no_token_row(characters: np.ndarray, where: str) -> np.ndarray:
    """Returns ``char_embed`` as a network reads it: (261 or 262, d) to (262, d), where row 0 ("no token") is zero."""
    check_rows(characters, where)
    rows = characters if len(characters) == N_CHARACTERS else np.insert(characters, 0, 0, axis=0)
    return np.concatenate([np.zeros_like(rows[:1]), rows[1:]])


def check_rows(characters: np.ndarray, where: str) -> None:
    """Raises UserError if the shape of ``char_embed`` is not (261, d) or (262, d)."""
    if characters.ndim != 2 or len(characters) not in (N_CHARACTERS - 1, N_CHARACTERS):
        raise UserError(
            f"{where}: variable {CHARACTERS} has shape {characters.shape}, expected 261 or 262 rows (256 bytes and the "
            "marks of words and sentences); models with another set of characters can't be read"
        )
