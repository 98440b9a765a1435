"""The models that are part of the program."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from elmo_udf.models import store, untrained
from elmo_udf.models.form import Model

MINI = "builtin:mini"
MINI_FILE = Path(__file__).parent / "mini" / "weights.npz"
"""Made by scripts/mini.py; the model card is beside it."""
MINI_NOTE = (
    "builtin:mini is a small model, trained on novels and textbooks in English; for real work use one of the published "
    "models, or train your own"
)


def _mini() -> Model:
    return dataclasses.replace(store.load(MINI_FILE), handle=MINI, note=MINI_NOTE)


MODELS: dict[str, Callable[[], Model]] = {MINI: _mini, untrained.HANDLE: untrained.make}
"""By their handles."""
