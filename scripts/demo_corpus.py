"""A corpus that every machine has: the documentation of Python's own standard library.

Documents are the language topics of ``pydoc_data`` (ids such as ``topic:assert``) and the docstrings of public
modules, classes, methods and functions (``json.dumps``). The order is fixed: topics, then names, alphabetically.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import inspect
import json
import os
import pkgutil
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

MIN_CHARACTERS = 40
# These open windows or a browser, print, install, or are tests; and setuptools puts another distutils in its place.
SKIPPED = {"antigravity", "distutils", "ensurepip", "idlelib", "lib2to3", "this", "tkinter", "turtle", "turtledemo"}
TESTS = {"test", "tests", "__main__"}


def main() -> int:
    """Write the corpus and say in one line what is in it."""
    parser = argparse.ArgumentParser(description="Write the standard library's documentation as JSON lines: id, text.")
    parser.add_argument("output", type=Path, help="path of the file to write")
    parser.add_argument("--documents", type=int, help="only so many, always the same ones (default: all)")
    options = parser.parse_args()
    corpus, n_duplicates = unique(documents())
    corpus = corpus if options.documents is None else sample(corpus, options.documents)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps({"id": name, "text": text}, ensure_ascii=False) for name, text in corpus)
    options.output.write_text("".join(line + "\n" for line in lines), "utf-8")
    print(f"{len(corpus)} documents in {options.output} ({n_duplicates} with a text that another has were left out)")
    return 0


def documents() -> Iterator[tuple[str, str]]:
    """(id, text) of every documented thing, the same text as often as it is found."""
    for topic in sorted(topics):
        yield f"topic:{topic}", topics[topic].strip()
    for name in sorted(sys.stdlib_module_names - SKIPPED - TESTS):
        if not name.startswith("_"):
            yield from module_documents(name)


def module_documents(name: str) -> Iterator[tuple[str, str]]:
    """(id, text) of a module, of what it makes public, and of its public submodules."""
    module = imported(name)
    if module is None:
        return
    yield name, documentation(module)
    for member_name, member in public_members(module):
        yield f"{name}.{member_name}", documentation(member)
        if inspect.isclass(member):
            for attribute_name, attribute in class_members(member):
                yield f"{name}.{member_name}.{attribute_name}", documentation(attribute)
    for submodule in sorted(info.name for info in pkgutil.iter_modules(getattr(module, "__path__", ()))):
        if not submodule.startswith("_") and submodule not in TESTS:
            yield from module_documents(f"{name}.{submodule}")


def imported(name: str) -> types.ModuleType | None:
    """The module, or None where this machine can't have it (another system's, or a library is missing)."""
    with warnings.catch_warnings(), open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError:
            return None


def public_members(module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    """Classes and functions in ``__all__``, or without one, those without an underscore that are the module's own."""
    declared = getattr(module, "__all__", None)
    for name in sorted(set(vars(module) if declared is None else declared)):
        member = getattr(module, name, None)
        if not (inspect.isclass(member) or inspect.isroutine(member)):
            continue
        home = getattr(member, "__module__", None) or ""
        if declared is not None or (not name.startswith("_") and home.lstrip("_").startswith(module.__name__)):
            yield name, member


def class_members(owner: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties of a class itself, without those it inherits."""
    for name, member in sorted(vars(owner).items()):
        method = isinstance(member, (classmethod, staticmethod)) or inspect.isroutine(member)
        if not name.startswith("_") and (method or inspect.isdatadescriptor(member)):
            yield name, member


def documentation(thing: Any) -> str:
    """Its own docstring without the indentation, not an inherited one: that is the parent's document."""
    text = getattr(thing, "__doc__", None)
    return inspect.cleandoc(text) if isinstance(text, str) else ""


def unique(found: Iterator[tuple[str, str]]) -> tuple[list[tuple[str, str]], int]:
    """The documents that are long enough, each text once (the first id stays), and how many texts were seen before."""
    ids: dict[str, str] = {}  # text -> id
    n_duplicates = 0
    for name, text in found:
        if len(text) < MIN_CHARACTERS:
            continue
        n_duplicates += text in ids
        ids.setdefault(text, name)
    return [(name, text) for text, name in ids.items()], n_duplicates


def sample(corpus: list[tuple[str, str]], n_documents: int) -> list[tuple[str, str]]:
    """``n_documents`` of the corpus, in its order, chosen by a hash of the id: the same whatever else is in it."""
    by_hash = sorted(corpus, key=lambda document: hashlib.sha256(document[0].encode()).digest())
    chosen = {name for name, _ in by_hash[:n_documents]}
    return [document for document in corpus if document[0] in chosen]


if __name__ == "__main__":
    sys.exit(main())
