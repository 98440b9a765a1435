"""Fetches models from Kaggle, where TF-Hub's models moved, with kagglehub and its cache (KAGGLEHUB_CACHE)."""

from __future__ import annotations

import re
import sys
from contextlib import redirect_stdout
from pathlib import Path

from elmo_udf.errors import UserError


def fetch_from_kaggle(handle: str, name: str, _max_bytes: int) -> Path:
    """Returns the folder in kagglehub's cache with the files of a model, which it downloads at first use.

    ``name`` is OWNER/MODEL/FRAMEWORK/VARIATION, and may end in /VERSION. Raises UserError if the package is not
    installed, or the model can't be fetched and is not in the cache.
    """
    elsewhere = (
        "or take the model from another place (docs/models.md), such as hf:lysandre/elmo-2x4096_512_2048cnn_2xhighway"
    )
    if not re.fullmatch(r"[\w-]+(/[\w.-]+){3}(/[0-9]+)?", name):
        raise UserError(
            f"model {handle!r}: {name!r} is not the name of a model on Kaggle, expected "
            "kaggle:OWNER/MODEL/FRAMEWORK/VARIATION/VERSION, such as kaggle:google/elmo/tensorFlow1/elmo/3; copy it "
            f"from the model's page, {elsewhere}"
        )
    with redirect_stdout(sys.stderr):  # kagglehub logs to stdout, where a job's own answer goes
        try:
            import kagglehub
        except ImportError:
            raise UserError(
                f"model {handle!r}: the package kagglehub is not installed, expected it for kaggle: handles; run "
                f"pip install 'elmo-udf[kaggle]', {elsewhere}"
            ) from None
        try:
            return Path(kagglehub.model_download(name))
        except Exception as error:  # it raises plain Exceptions, and those of requests
            raise UserError(
                f"model {handle!r}: can't be fetched from Kaggle ({error}), expected an answer of its servers; check "
                f"the name and the network, {elsewhere}"
            ) from None
