"""Finds and loads the model that a handle names.

A handle is ``builtin:mini``, a local folder or archive (also as a ``file:`` URI), ``hf:`` or ``kaggle:`` with the name
of a model there, the address of its page, an http(s) address that TensorFlow Hub resolves or of an archive, or any
other URI, which Spark fetches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from elmo_udf.errors import UserError
from elmo_udf.models import allennlp, bilm, builtin, foreign, savedmodel, tagger
from elmo_udf.models.archives import MAX_BYTES, MAX_GIB, content_folder, unpacked
from elmo_udf.models.checksum import check_sha256
from elmo_udf.models.form import Model
from elmo_udf.models.hub import fetch_archive, fetch_from_hub
from elmo_udf.models.hugging_face import fetch_from_hugging_face, folder_to_delete
from elmo_udf.models.kaggle import fetch_from_kaggle
from elmo_udf.models.pages import handle_of_page
from elmo_udf.secrets import HIDDEN

Fetch = Callable[[str], Path]
"""A function that copies what a URI names to this machine and returns its path. It raises UserError if it can't."""


def load_model(handle: str, sha256: str | None = None, fetch: Fetch | None = None, max_gib: float = MAX_GIB) -> Model:
    """Returns the model that ``handle`` names.

    Args:
        handle: A handle as on the command line, such as builtin:mini or the path of a folder.
        sha256: The hex digest that the archive, or the folder (:func:`~elmo_udf.models.checksum.folder_sha256`), must
            have.
        fetch: A function that fetches URIs of Spark's file systems (``elmo_udf.spark.fetch``). Without it they are
            refused.
        max_gib: The largest size that the model may have, downloaded or unpacked, in GiB.

    Raises UserError if there is no such model, if it is too large, if its digest differs, or if it is no ELMo model.
    """
    if handle in builtin.MODELS:
        if sha256 is not None:
            raise UserError(f"model {handle!r}: it is part of the package and is not fetched; leave out its SHA-256")
        return builtin.MODELS[handle]()
    max_bytes = int(max_gib * 1024**3)
    path = resolve(handle, sha256, fetch, max_bytes)
    with _cache_named(handle, path), _folder(path, handle, max_bytes) as folder:
        return _read(folder, handle, max_bytes)


def resolve(handle: str, sha256: str | None = None, fetch: Fetch | None = None, max_bytes: int = MAX_BYTES) -> Path:
    """Returns the local folder or archive of ``handle``, after fetching it if it is elsewhere.

    Raises UserError if it can't be reached, or if its digest is not ``sha256``.
    """
    if HIDDEN in handle:
        raise UserError(
            f"model {handle!r}: passwords and signatures are not stored with a table, expected the whole address; give "
            "it again with --model"
        )
    try:
        path = _local(handle, fetch, max_bytes)
        found = path.is_file() or path.is_dir()  # a pipe or a device could be read for ever
    except UserError:
        raise
    except (OSError, ValueError, RuntimeError) as error:  # names that no file has, no address, or ~ of nobody
        raise UserError(
            f"model {handle!r}: this is neither a path nor an address ({error}); expected builtin:mini, a folder, an "
            "archive, or a URI; check the spelling"
        ) from None
    if not found:
        raise UserError(
            f"model {handle!r}: there is no file or folder {str(path)!r}; expected builtin:mini, a folder, an archive, "
            "or a URI; check the path"
        )
    if _scheme(handle) not in ("", "file"):  # a folder of the user's may hold more than is read of it
        _check_size(path, handle, max_bytes)
    if sha256 is not None:
        with _cache_named(handle, path):
            check_sha256(path, sha256, handle)
    return path


def _check_size(path: Path, handle: str, max_bytes: int) -> None:
    """Raises UserError if a model that was fetched has more than ``max_bytes``."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    n_bytes = sum(file.stat().st_size for file in files)
    if n_bytes > max_bytes:
        raise UserError(
            f"model {handle!r}: it has {n_bytes} bytes in {str(path)!r}, expected at most {max_bytes}; check the "
            "handle, or raise --model-max-gib"
        )


def _local(handle: str, fetch: Fetch | None, max_bytes: int) -> Path:
    """Returns the path on this machine where the files of ``handle`` are or should be."""
    scheme = _scheme(handle)
    if not scheme:
        return Path(handle).expanduser()
    if scheme == "builtin":
        known = " or ".join(builtin.MODELS)
        raise UserError(f"model {handle!r}: the package has no such model; expected {known}")
    if scheme == "file":
        return _file_uri(handle)
    if scheme in _HUBS:
        return _HUBS[scheme](handle, handle_of_page(handle).partition(":")[2], max_bytes)
    if fetch is None:
        raise UserError(
            f"model {handle!r}: {scheme} addresses are fetched by Spark, and there is no Spark session here; "
            "expected a folder, an archive or an address that TensorFlow Hub resolves; fetch it, and give its path"
        )
    return fetch(handle)


def _scheme(handle: str) -> str:
    """Returns the scheme of a URI in lower case, or an empty string if the handle is a path."""
    if Path(handle).exists():
        return ""
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", handle_of_page(handle))
    return scheme[1].lower() if scheme else ""


def _fetch_by_http(handle: str, _: str, max_bytes: int) -> Path:
    return (fetch_archive if _is_zip(handle) else fetch_from_hub)(handle, max_bytes)


_HUBS: dict[str, Callable[[str, str, int], Path]] = {
    **dict.fromkeys(("http", "https"), _fetch_by_http),
    "hf": fetch_from_hugging_face,
    "kaggle": fetch_from_kaggle,
}
"""The functions that fetch a model without Spark, by scheme. They take a handle, what follows its
scheme, and a number of bytes at which a download is cut off."""


def _is_zip(address: str) -> bool:
    return urlsplit(address).path.lower().endswith(".zip")


@contextmanager
def _cache_named(handle: str, path: Path) -> Iterator[None]:
    """Adds to a UserError which folder to delete if the model lies in a cache, where a second run would find it."""
    try:
        yield
    except UserError as error:
        scheme = _scheme(handle)
        if scheme not in _HUBS or (scheme.startswith("http") and _is_zip(handle)):
            raise
        folder = folder_to_delete(path) if scheme == "hf" else path
        raise UserError(
            f"{error}; this copy is kept in the cache: delete the folder {str(folder)!r}, and the model is fetched anew"
        ) from None


def _file_uri(handle: str) -> Path:
    parts = urlsplit(handle)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise UserError(f"model {handle!r}: this is not a file on this machine, expected file:///absolute/path")
    return Path(url2pathname(parts.path))


def _folder(path: Path, handle: str, max_bytes: int) -> AbstractContextManager[Path]:
    """Returns the folder at ``path``, or a temporary folder with the content of the archive at ``path``."""
    return nullcontext(path) if path.is_dir() else unpacked(path, handle, max_bytes)


def _reader(folder: Path) -> Callable[[Path, str, int], Model] | None:
    """Returns the function that reads the model in ``folder``, or None if its files are those of no model."""
    if savedmodel.is_saved_model(folder):
        return savedmodel.read
    if allennlp.options_files(folder) or allennlp.weights_files(folder) or bilm.index_files(folder):
        return allennlp.read
    return tagger.read if (folder / tagger.WEIGHTS_FILE).is_file() else None


def _is_known(folder: Path) -> bool:
    """Returns whether ``folder`` contains files of a model, or of something that can be named."""
    return _reader(folder) is not None or foreign.recognized(folder) is not None


def _read(named: Path, handle: str, max_bytes: int) -> Model:
    """Returns the model in the folder ``named`` or in its only subfolder. Its files show which kind of model it is."""
    folder = content_folder(named, _is_known)
    if reader := _reader(folder):
        return reader(folder, handle, max_bytes)
    unknown = _listed(folder, named), "give the folder or archive of an ELMo model"
    what, instead = foreign.recognized(folder) or unknown
    raise UserError(
        f"model {handle!r}: found {what}; expected a saved_model.pb, or an options.json and one .hdf5; {instead}"
    )


def _listed(folder: Path, named: Path) -> str:
    """Returns the names of the first files in ``folder``, as seen from the folder that the user named."""
    names = sorted(path.relative_to(named).as_posix() + "/" * path.is_dir() for path in folder.iterdir())
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more or "nothing"
