"""Fetches models from TensorFlow Hub with its own resolver and its own cache (TFHUB_CACHE_DIR)."""

from __future__ import annotations

import socket
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from elmo_udf.errors import UserError

TIMEOUT_S = 60.0
"""Number of seconds to wait for an answer of the server."""


def fetch_from_hub(handle: str) -> Path:
    """Returns the folder in which TensorFlow Hub keeps the model, and downloads it at first use.

    Raises UserError if the address does not answer with a model.
    """
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")  # the hub's own business
        import tensorflow_hub as hub

    try:
        with _silence_limited():
            return Path(hub.resolve(handle))
    except (OSError, EOFError, zlib.error, ValueError, tf.errors.OpError) as error:
        raise UserError(
            f"model {handle!r}: can't be fetched ({error}), expected a model in TensorFlow Hub's compressed format; "
            "check the address and the network, or fetch the model by other means and give its path"
        ) from None


@contextmanager
def _silence_limited() -> Iterator[None]:
    """Gives sockets a timeout of TIMEOUT_S if there is none, because the resolver would wait forever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(before if before is not None else TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
