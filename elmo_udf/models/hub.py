"""Models of TensorFlow Hub, fetched by its own resolver into its own cache (TFHUB_CACHE_DIR)."""

from __future__ import annotations

import socket
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from elmo_udf.errors import UserError

TIMEOUT_S = 60.0
"""How long a server may be silent."""


def fetch_from_hub(handle: str) -> Path:
    """The folder that TensorFlow Hub keeps ``handle`` in, downloaded at first use.

    Raises UserError where the address does not answer with a model.
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
    """Sockets give up after TIMEOUT_S, where no other limit is set: the resolver would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(before if before is not None else TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
