"""Fetches models from Hugging Face with huggingface_hub and its cache (HF_HOME, HF_ENDPOINT, HF_TOKEN and others)."""

from __future__ import annotations

from pathlib import Path

from elmo_udf.errors import UserError

FILES = ("*.json", "*.json.txt", "*.hdf5", "*.h5", "*.th", "*.pb", "variables/*", "*.index", "*.data-*", "checkpoint")
"""The files of the formats that are read here. A repository may have the same weights in others, too."""


def fetch_from_hugging_face(handle: str, name: str, _max_bytes: int) -> Path:
    """Returns the folder in huggingface_hub's cache with the files of a model, which it downloads at first use.

    ``name`` is ORG/NAME or ORG/NAME@REVISION. Raises UserError if the package is not installed, or the model can't be
    fetched and is not in the cache.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise UserError(
            f"model {handle!r}: the package huggingface_hub is not installed, expected it for hf: handles; run "
            "pip install 'elmo-udf[hf]', or fetch the model by other means and give its path"
        ) from None
    repository, _, revision = name.partition("@")
    try:
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=list(FILES)))
    except Exception as error:  # its HTTP client's errors differ from version to version
        raise UserError(
            f"model {handle!r}: can't be fetched from Hugging Face ({error}), expected hf:ORG/NAME or "
            "hf:ORG/NAME@REVISION; check the name and the network, or take the model from another place "
            "(docs/models.md), such as kaggle:google/elmo/tensorFlow1/elmo/3"
        ) from None


def folder_to_delete(snapshot: Path) -> Path:
    """Returns the folder in the cache that holds all of a model. A snapshot has links to the files in it only."""
    return snapshot.parent.parent
