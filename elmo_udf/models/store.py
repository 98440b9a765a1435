"""Stores a model in one file, an uncompressed .npz without pickles, which the driver writes and executors read."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from elmo_udf import npz
from elmo_udf.cleanup import written_whole
from elmo_udf.errors import LaterFormat, UserError
from elmo_udf.formats import check_format, numbered
from elmo_udf.models.form import Mix, Model, NetworkOptions

FORMAT = 1
HEADER = "header"
"""Name of the array with the UTF-8 bytes of a JSON object, which contains everything that is not an array."""


def save(model: Model, path: Path | str, dtype: str = "float32") -> None:
    """Writes ``model`` to ``path``. The file appears when it is complete, and replaces an existing one.

    Args:
        dtype: The type of the numbers in the file. float16 rounds them and halves the size of the file.
    """
    header = {
        **numbered(FORMAT),
        "options": asdict(model.options),
        "mix": asdict(model.mix),
        "handle": model.handle,
        "note": model.note,
    }
    encoded = np.frombuffer(json.dumps(header).encode("utf-8"), dtype=np.uint8)
    arrays = {name: array.astype(dtype, copy=False) for name, array in model.arrays.items()}
    with written_whole(Path(path)) as unfinished, unfinished.open("wb") as file:
        npz.write(file, {HEADER: encoded, **arrays})


def load(path: Path | str) -> Model:
    """Returns the model in a file that :func:`save` wrote, after verifying its checksums.

    Raises UserError if it is not such a file.
    """
    try:
        arrays = npz.read(path)
        header = json.loads(arrays.pop(HEADER).tobytes())
        check_format(header, FORMAT, f"model file {str(path)!r}")
        options, mix = NetworkOptions(**header["options"]), Mix(**header["mix"])
        return Model(options, arrays, mix, header["handle"], header["note"])
    except LaterFormat:
        raise
    except (OSError, EOFError, zipfile.BadZipFile, KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(
            f"model file {str(path)!r} can't be read ({error}), expected one that this version of the program wrote; "
            "write it again"
        ) from None
