"""Layers of sentences, by AllenNLP's ELMo."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch

ABSENT = ["transformers", "spacy", "cached_path", "lmdb", "base58", "huggingface_hub", "torchvision", "fairscale"]
"""Packages that AllenNLP imports and its ELMo makes no use of."""


class Empty:
    """Stands for whatever is imported from a package that is absent."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take anything."""


class Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds empty modules in the place of ABSENT."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """An empty package, for those that are absent."""
        absent = fullname.partition(".")[0] in ABSENT
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True) if absent else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """A module that has whatever is asked of it."""
        module = types.ModuleType(spec.name)

        def attribute(name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return (lambda path, **_: path) if name == "cached_path" else type(name, (Empty,), {})

        module.__getattr__ = attribute  # type: ignore[method-assign]
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """There is nothing to run."""


def main(folder: str, sentences: list[list[str]], output: str) -> None:
    """Write all layers of all tokens, (layers, N, 2P) float32, to the .npy file ``output``."""
    sys.meta_path.append(Absent())
    from allennlp.modules.elmo import _ElmoBiLm, batch_to_ids

    options, weights = (str(next(Path(folder).glob(pattern))) for pattern in ("*options*.json", "*.hdf5"))
    network = _ElmoBiLm(options, weights).eval()
    with torch.no_grad():
        layers = network(batch_to_ids(sentences))["activations"]  # of each layer (B, T + 2, 2P): marks come with it
    rows = [[layer[i, 1 : len(sentence) + 1].numpy() for i, sentence in enumerate(sentences)] for layer in layers]
    np.save(output, np.stack([np.concatenate(layer) for layer in rows]))
