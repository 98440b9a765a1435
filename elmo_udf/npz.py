"""Reads and writes named arrays in one uncompressed .npz file, without pickles."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import IO, Any

import numpy as np


def write(file: IO[bytes], arrays: Mapping[str, Any]) -> None:
    """Writes ``arrays`` to a file that is open for writing. Raises ValueError for objects, which numpy would pickle."""
    if objects := [name for name, values in arrays.items() if np.asarray(values).dtype.hasobject]:
        raise ValueError(f"{', '.join(objects)}: arrays of objects, expected numbers or strings")
    # No allow_pickle=False here: numpy before 2.1 has no such argument and stores it as one more array.
    np.savez(file, **arrays)


def read(file: PathLike[str] | str | IO[bytes]) -> dict[str, np.ndarray[Any, Any]]:
    """Returns all arrays of a file that :func:`write` wrote, by name.

    Raises ValueError if the file contains pickles or a single array without a name. Raises EOFError, OSError or
    zipfile.BadZipFile if it is damaged or is not a file of arrays.
    """
    opened = np.load(file, allow_pickle=False)
    if isinstance(opened, np.ndarray):
        raise ValueError("one array without a name, expected an .npz file")
    with opened:
        return {name: opened[name] for name in opened.files}
