"""The folder of a training while it lasts: what is in it, and whether a command may take it up again."""

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
"""Options that may be others when a training is taken up again."""


@dataclass(frozen=True)
class Work:
    """Paths in the folder ``root``, which all processes of a training share."""

    root: Path

    @property
    def options(self) -> Path:
        """Options it was begun with, JSON."""
        return self.root / "training.json"

    @property
    def train(self) -> Path:
        """Sentences to learn from, Parquet."""
        return self.root / "train"

    @property
    def held_out(self) -> Path:
        """Sentences to measure with, Parquet."""
        return self.root / "held_out"

    @property
    def vocabulary(self) -> Path:
        """Words to predict."""
        return self.root / "vocabulary.txt"

    @property
    def network(self) -> Path:
        """Sizes of the network, JSON."""
        return self.root / "network.json"

    @property
    def initial(self) -> Path:
        """Weights to begin with."""
        return self.root / "initial.npz"

    @property
    def corpus(self) -> Path:
        """Counts of the corpus, JSON: the last file of what is prepared before training."""
        return self.root / "corpus.json"

    @property
    def checkpoints(self) -> Path:
        """A folder of checkpoints a process."""
        return self.root / "checkpoints"

    @property
    def best(self) -> Path:
        """The weights with the least perplexity so far, softmax included."""
        return self.root / "best.npz"

    @property
    def mistake(self) -> Path:
        """What was wrong, where a process has found the user's mistake."""
        return self.root / "mistake.txt"

    @property
    def log(self) -> Path:
        """What was measured, CSV."""
        return self.root / "log.csv"

    def network_options(self) -> NetworkOptions:
        """The sizes in :attr:`network`."""
        return NetworkOptions(**json.loads(self.network.read_text("utf-8")))

    def claim(self, options: TrainOptions) -> None:
        """Make the folder, or go on in it; with mode overwrite, a training with other options is dropped.

        Raises UserError where the folder is that of another training, or of something else.
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
                    f"work folder {str(self.root)!r} holds a training with {', '.join(other)}; expected the same "
                    "options; give them again, or --mode overwrite to drop it, or another --work"
                )
            if other:
                shutil.rmtree(self.root)
        self.root.mkdir(parents=True, exist_ok=True)
        write_text(self.options, json.dumps(numbered(FORMAT) | mine, indent=2) + "\n")

    def _begun_with(self) -> dict[str, Any] | None:
        """The options of the training that is in the folder; None where there is none."""
        if self.options.is_file():
            found: dict[str, Any] = json.loads(self.options.read_text("utf-8"))
            check_format(found, FORMAT, f"work folder {str(self.root)!r}")
            return found
        if self.root.exists() and (not self.root.is_dir() or any(self.root.iterdir())):
            raise UserError(
                f"work folder {str(self.root)!r} exists and holds no training; expected a folder of a training, or "
                "nothing; give another --work"
            )
        return None


def _json(values: dict[str, Any]) -> dict[str, Any]:
    """The values as they come back from a JSON file."""
    read: dict[str, Any] = json.loads(json.dumps(values))
    return read


def write_text(path: Path, text: str) -> None:
    """Write a file that appears when it is whole."""
    with written_whole(path) as unfinished:
        unfinished.write_text(text, "utf-8")


def save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays; the file appears when it is whole."""
    with written_whole(path) as unfinished, unfinished.open("wb") as file:
        npz.write(file, arrays)
