"""Fetches models over http: from TensorFlow Hub with its own cache (TFHUB_CACHE_DIR), and archives from any server."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
import warnings
from pathlib import Path
from urllib.parse import urlsplit

from elmo_udf.errors import UserError
from elmo_udf.models.archives import MAX_BYTES, unpack
from elmo_udf.models.download import download


def fetch_from_hub(handle: str, max_bytes: int = MAX_BYTES) -> Path:
    """Returns the folder in which TensorFlow Hub keeps the model, and downloads it at first use.

    It uses TensorFlow Hub's requests, cache and locks. It unpacks the archive itself, because TensorFlow Hub reads no
    archive without entries for its folders, and sets no limit to its size.

    Raises UserError if the address does not answer with a model of at most ``max_bytes``.
    """
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")  # the hub's own business
        from tensorflow_hub import compressed_module_resolver, resolver

    http = compressed_module_resolver.HttpCompressedFileResolver()

    def fetch(address: str, folder: str) -> None:
        with tempfile.NamedTemporaryFile(prefix="elmo-download-") as file:
            compressed = http._append_compressed_format_query(address)
            download(compressed, Path(file.name), handle, max_bytes, _advice(handle), http._call_urlopen)
            unpack(Path(file.name), Path(folder), handle, max_bytes)

    try:
        return Path(resolver.atomic_download(handle, fetch, compressed_module_resolver._module_dir(handle)))
    except UserError:
        raise
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise UserError(
            f"model {handle!r}: can't be kept in TensorFlow Hub's cache ({error}), expected a folder that can be "
            "written to; set TFHUB_CACHE_DIR to one"
        ) from None


def fetch_archive(handle: str, max_bytes: int = MAX_BYTES) -> Path:
    """Returns a copy of the archive at an http address, which exists as long as the process.

    Raises UserError if the address does not answer with a file of at most ``max_bytes``.
    """
    folder = Path(tempfile.mkdtemp(prefix="elmo-fetched-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    download(handle, folder / "archive", handle, max_bytes)
    return folder / "archive"


def _advice(handle: str) -> str:
    """Returns what to do if a model can't be fetched."""
    parts = urlsplit(handle)
    if parts.hostname != "tfhub.dev":
        return "check the address and the network, or fetch the model by other means and give its path"
    version = re.fullmatch(r"/google/elmo/([0-9]+)/?", parts.path)
    instead = f"give kaggle:google/elmo/tensorFlow1/elmo/{version[1]}" if version else "look for it there"
    return f"the models of tfhub.dev moved to Kaggle: {instead}, or fetch it by other means and give its path"
