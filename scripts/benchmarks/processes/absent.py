"""Empty modules in the place of packages that AllenNLP imports and its ELMo makes no use of."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from typing import Any

ABSENT = ["transformers", "spacy", "cached_path", "lmdb", "base58", "huggingface_hub", "torchvision", "fairscale"]


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

        vars(module)["__getattr__"] = attribute
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """There is nothing to run."""


def replace_absent() -> None:
    """From now on."""
    sys.meta_path.append(Absent())
