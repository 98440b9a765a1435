"""Recognizes files of other programs that are no model which can be read here, and says what would do."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

_KINDS: tuple[tuple[Collection[str], str, str], ...] = (
    (
        ("encoder.pkl", "token_embedder.pkl"),
        "a model of ELMoForManyLangs, whose network reads words and characters by dictionaries of its own",
        "take a model of the same language from http://vectors.nlpl.eu/repository/ (see docs/languages.md)",
    ),
    (
        ("tfhub_module.pb",),
        "a module of TF-Hub without its saved_model.pb",
        "fetch the module again",
    ),
    (("pytorch_model.bin",), "the weights of a PyTorch model in pytorch_model.bin", "give an ELMo model"),
    (("model.safetensors",), "the weights of a PyTorch model in model.safetensors", "give an ELMo model"),
)
"""Files that a folder has, what it is then, and what to do."""


def recognized(folder: Path) -> tuple[str, str] | None:
    """Returns what ``folder`` is and what would do, or None if its files are not known."""
    files = {path.name for path in folder.iterdir()}
    return next(((what, instead) for needed, what, instead in _KINDS if files.issuperset(needed)), None)
