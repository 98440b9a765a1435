"""Reads the checkpoints that bilm-tf writes while it trains, with the names of its weights files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from elmo_udf.errors import UserError
from elmo_udf.models.checkpoint import read_checkpoint

_RENAMED = (  # bilm-tf's own rules for the weights file that it writes after training (dump_weights)
    (r"^lm/", ""),
    (r"/rnn/", "/RNN/"),
    (r"/multi_rnn_cell/", "/MultiRNNCell/"),
    (r"/cell_(?=\d)", "/Cell"),
    (r"/lstm_cell/projection/kernel$", "/LSTMCell/W_P_0"),
    (r"/lstm_cell/kernel$", "/LSTMCell/W_0"),
    (r"/lstm_cell/bias$", "/LSTMCell/B"),
)
PERPLEXITY = "train_perplexity"
"""A variable of bilm-tf's training beside the network."""


def index_files(folder: Path) -> list[Path]:
    """Returns the index files of the checkpoints in ``folder``."""
    return sorted(path for path in folder.glob("*.index") if path.is_file() and not path.name.startswith("."))


def newest(folder: Path, handle: str) -> Path:
    """Returns the index file of the checkpoint in ``folder``, the newest if the file ``checkpoint`` says which it is.

    Raises UserError if there are several, and nothing says which.
    """
    found = index_files(folder)
    if len(found) == 1:
        return found[0]
    state = folder / "checkpoint"
    named = re.match(rb'model_checkpoint_path: *"([^"]*)"', state.read_bytes()) if state.is_file() else None
    name = Path(named[1].decode(errors="replace")).name + ".index" if named else ""
    for path in found:
        if path.name == name:
            return path
    raise UserError(
        f"model {handle!r}: found {len(found)} checkpoints, such as {found[0].name}; expected one, or a file called "
        "checkpoint that names the newest; remove the others"
    )


def variables(index: Path, where: str, max_bytes: int) -> dict[str, np.ndarray]:
    """Returns the variables of a checkpoint, by the names that bilm-tf gives them in weights files.

    Raises UserError if the checkpoint can't be read.
    """
    result = {}
    for name, value in read_checkpoint(index.with_suffix(""), where, max_bytes).items():
        for pattern, replacement in _RENAMED:
            name = re.sub(pattern, replacement, name)
        if name != PERPLEXITY:
            result[name] = value
    return result
