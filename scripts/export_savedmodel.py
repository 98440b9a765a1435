"""Writes a model as a TF-Hub style SavedModel: hub.load(FOLDER).signatures["default"](tf.constant(["some words"]))."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from savedmodel_writer import write_savedmodel

from elmo_udf.errors import UserError
from elmo_udf.models import load_model


def main(argv: list[str] | None = None) -> int:
    """0 where the folder was written, 2 for a mistake in what was asked."""
    parser = argparse.ArgumentParser(prog="scripts/export-savedmodel", description=__doc__)
    parser.add_argument("model", help="model handle, such as a folder that jobs/train.py made")
    parser.add_argument("folder", type=Path, help="folder of the SavedModel, which must not be there yet")
    options = parser.parse_args(argv)
    try:
        model = load_model(options.model)
        write_savedmodel(model, options.folder)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.folder}: SavedModel of {options.model}, fingerprint {model.fingerprint()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
