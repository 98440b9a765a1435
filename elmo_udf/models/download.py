"""Downloads a file over http or https, and stops where the server sends too much or too little."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from elmo_udf.errors import UserError

TIMEOUT_S = 60.0
"""Number of seconds to wait for an answer of the server."""
_CHUNK_BYTES = 1 << 20


def download(
    address: str,
    target: Path,
    handle: str,
    max_bytes: int,
    advice: str = "check the address and the network, or fetch the model by other means and give its path",
    opened: Callable[[Request], Any] = urlopen,
) -> None:
    """Writes what ``address`` answers to ``target``.

    Args:
        handle: The model's handle, for messages.
        max_bytes: A server that sends more is cut off.
        advice: What the user can do if this fails.
        opened: The function that sends the request and returns the response.

    Raises UserError if the server can't be reached, refuses, breaks off, sends too much, or sends a web page.
    """
    where = f"model {handle!r}: {address} "
    try:
        with silence_limited(), opened(Request(address)) as response, target.open("wb") as file:
            _copy(response, file, where, max_bytes)
        found = _page(target)
    except UserError:
        raise
    except HTTPError as error:
        found = f"can't be fetched: the server answers {error.code} {error.reason}"
    except (OSError, HTTPException, EOFError, ValueError) as error:
        found = f"can't be fetched ({error!s})"
    if found:
        raise UserError(f"{where}{found}; expected the file of a model; {advice}")


def _copy(response: Any, file: Any, where: str, max_bytes: int) -> None:
    declared, n_bytes = int(response.headers.get("Content-Length") or -1), 0
    while max(n_bytes, declared) <= max_bytes and (piece := response.read(_CHUNK_BYTES)):
        file.write(piece)
        n_bytes += len(piece)
    if max(n_bytes, declared) > max_bytes:
        raise UserError(
            f"{where}sends more than {max_bytes / 1024**3:.3g} GiB, expected a model of at most that size; check the "
            "address, or raise --model-max-gib"
        )
    if declared >= 0 and n_bytes < declared:
        raise EOFError(f"the connection ended after {n_bytes} of {declared} bytes")


def _page(path: Path) -> str:
    """Returns words that say so if the file is a web page, else an empty string."""
    with path.open("rb") as file:
        start = file.read(1024).lstrip().lower()
    return "answers with a web page" if start.startswith((b"<!doctype", b"<html", b"<?xml")) else ""


@contextmanager
def silence_limited() -> Iterator[None]:
    """Gives sockets a timeout of TIMEOUT_S if there is none, so that nothing waits forever for a server."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(before if before is not None else TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
