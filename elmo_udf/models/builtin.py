"""Loads the models that are part of the package."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

from elmo_udf.models import store, untrained
from elmo_udf.models.form import Model

MINI = "builtin:mini"
MINI_FILE = Path(__file__).parent / "mini" / "weights.npz"
"""The weights of ``builtin:mini``. ``scripts/mini.py`` makes this file; the model card is beside it."""
MINI_NOTE = (
    "builtin:mini is a small model, trained on novels and textbooks in English; for real work use one of the published "
    "models, or train your own"
)


def _mini() -> Model:
    with as_file(files(__package__) / "mini" / MINI_FILE.name) as path:  # also from a zip of --py-files
        return dataclasses.replace(store.load(path), handle=MINI, note=MINI_NOTE)


MODELS: dict[str, Callable[[], Model]] = {MINI: _mini, untrained.HANDLE: untrained.make}
"""The functions that load the built-in models, by handle."""
