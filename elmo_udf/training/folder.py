"""Manages the folder of a training: what is in it, and whether a command may continue the training in it."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elmo_udf import npz
from elmo_udf.cleanup import written_whole
from elmo_udf.errors import UserError
from elmo_udf.formats import check_format, numbered
from elmo_udf.models.options import NetworkOptions
from elmo_udf.training.options import TrainOptions

FORMAT = 1

MAY_CHANGE = (
    *("report", "dry_run", "log_level", "mode", "work", "epochs", "max_hours", "patience", "evaluate_every"),
    *("learning_rate", "warmup", "schedule"),
)
"""Options that may change when a training is continued."""


@dataclass(frozen=True)
class Work:
    """The paths in the folder ``root``, which all processes of a training share."""

    root: Path

    @property
    def options(self) -> Path:
        """The options with which the training began, as JSON."""
        return self.root / "training.json"

    @property
    def train(self) -> Path:
        """The sentences for training, as Parquet."""
        return self.root / "train"

    @property
    def held_out(self) -> Path:
        """The sentences for validation, as Parquet."""
        return self.root / "held_out"

    @property
    def vocabulary(self) -> Path:
        """The words to predict."""
        return self.root / "vocabulary.txt"

    @property
    def network(self) -> Path:
        """The sizes of the network, as JSON."""
        return self.root / "network.json"

    @property
    def initial(self) -> Path:
        """The initial weights."""
        return self.root / "initial.npz"

    @property
    def corpus(self) -> Path:
        """The counts of the corpus, as JSON. This is the last file that is prepared before training."""
        return self.root / "corpus.json"

    @property
    def checkpoints(self) -> Path:
        """A folder of checkpoints for each process."""
        return self.root / "checkpoints"

    @property
    def best(self) -> Path:
        """The weights with the lowest perplexity so far, including the softmax."""
        return self.root / "best.npz"

    @property
    def mistake(self) -> Path:
        """What was wrong, where a process has found the user's mistake."""
        return self.root / "mistake.txt"

    @property
    def log(self) -> Path:
        """The log of measurements, as CSV."""
        return self.root / "log.csv"

    def network_options(self) -> NetworkOptions:
        """Returns the sizes in :attr:`network`."""
        return NetworkOptions(**json.loads(self.network.read_text("utf-8")))

    def claim(self, options: TrainOptions) -> None:
        """Creates the folder, or continues with the training in it.

        With mode overwrite, it removes a training with other options. Raises UserError if the folder belongs to another
        training or contains something else.
        """
        mine = {name: value for name, value in asdict(options).items() if name not in MAY_CHANGE}
        found = self._begun_with()
        if found is not None:
            other = [
                f"{name} {found.get(name)!r} (now {mine[name]!r})"
                for name in _json(mine)
                if found.get(name) != _json(mine)[name]
            ]
            if other and options.mode != "overwrite":
                raise UserError(
                    f"work folder {str(self.root)!r} contains a training with {', '.join(other)}; expected the same "
                    "options; repeat them, or add --mode overwrite to remove it, or choose another --work"
                )
            if other:
                shutil.rmtree(self.root)
        self.root.mkdir(parents=True, exist_ok=True)
        write_text(self.options, json.dumps(numbered(FORMAT) | mine, indent=2) + "\n")

    def _begun_with(self) -> dict[str, Any] | None:
        """Returns the options of the training in the folder, or None if there is none."""
        if self.options.is_file():
            found: dict[str, Any] = json.loads(self.options.read_text("utf-8"))
            check_format(found, FORMAT, f"work folder {str(self.root)!r}")
            return found
        if self.root.exists() and not (self.root.is_dir() and all(_is_unfinished(one) for one in self.root.iterdir())):
            raise UserError(
                f"work folder {str(self.root)!r} exists and contains no training; expected the folder of a training, "
                "or nothing; choose another --work"
            )
        return None


def _is_unfinished(path: Path) -> bool:
    """Returns whether ``path`` is what :func:`write_text` leaves if it is killed."""
    return path.name.startswith("training.json.") and path.suffix == ".tmp"


def _json(values: dict[str, Any]) -> dict[str, Any]:
    """Returns the values as they are after they were written to a JSON file and read again."""
    read: dict[str, Any] = json.loads(json.dumps(values))
    return read


def write_text(path: Path, text: str) -> None:
    """Writes a file that appears when it is complete."""
    with written_whole(path) as unfinished:
        unfinished.write_text(text, "utf-8")


def save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes named arrays to a file that appears when it is complete."""
    with written_whole(path) as unfinished, unfinished.open("wb") as file:
        npz.write(file, arrays)
