"""Unpacks archives of models (.zip, .tar, .tar.gz) so that nothing is written outside of one folder."""

from __future__ import annotations

import lzma
import re
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TypeVar

from elmo_udf.errors import UserError

Member = TypeVar("Member", tarfile.TarInfo, zipfile.ZipInfo)

MAX_GIB = 16.0
"""Largest size of a model in GiB, by default. It is forty times the size of the largest published ELMo model."""
MAX_BYTES = int(MAX_GIB * 1024**3)
MAX_MEMBERS = 10_000
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    MemoryError,  # a header of many GiB
    RuntimeError,  # zipfile's where a password is needed, and where a compression is not known
    ValueError,  # that of a name no file can have
    LookupError,  # zipfile's where a member has no name
)


@contextmanager
def unpacked(archive: Path, handle: str, max_bytes: int = MAX_BYTES) -> Iterator[Path]:
    """Yields a temporary folder with the content of ``archive``, which is removed afterwards.

    Raises UserError if the file is not an archive, is damaged or contains something dangerous: a path or a link that
    leads out of the folder, a device, or more than ``max_bytes``.
    """
    with tempfile.TemporaryDirectory(prefix="elmo-model-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        unpack(archive, folder, handle, max_bytes)
        yield folder


def unpack(archive: Path, folder: Path, handle: str, max_bytes: int = MAX_BYTES) -> None:
    """Writes the content of ``archive`` into ``folder``. Raises UserError where :func:`unpacked` does."""
    try:
        _unpack(archive, folder, handle, max_bytes)
    except UserError:
        raise
    except _DAMAGE as error:
        raise UserError(
            f"model {handle!r}: the archive can't be unpacked ({error}), expected a whole .zip or .tar.gz without "
            "a password; fetch it again"
        ) from None


def _unpack(archive: Path, folder: Path, handle: str, max_bytes: int) -> None:
    # A .tar is tried first: one that holds a .zip could be taken for a .zip, but not the other way round.
    if tarfile.is_tarfile(archive):
        with tarfile.open(archive, "r:*") as tar:
            # Permissions and owners are of no use here; Python 3.11.0 to 3.11.3 lack the filter that drops them.
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            members = ((member, member.name, member.size, member.isfile() or member.isdir()) for member in tar)
            tar.extractall(folder, _checked(members, handle, max_bytes))
    elif zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            # zipfile reads no more of a member than the size that is declared here
            infos = ((info, info.filename, info.file_size, _is_plain(info)) for info in file.infolist())
            file.extractall(folder, _checked(infos, handle, max_bytes))
    else:
        raise UserError(
            f"model {handle!r}: the file is not an archive, expected a .zip or .tar.gz, or the folder of a model; "
            "give one of these"
        )


def _checked(members: Iterable[tuple[Member, str, int, bool]], handle: str, max_bytes: int) -> Iterator[Member]:
    """Yields the members after checking them, one at a time while they are unpacked.

    Each of ``members`` comes with its name, its size in bytes, and whether it is a plain file or a folder.
    """
    n_bytes = 0
    for n_members, (member, name, size, is_plain) in enumerate(members, start=1):
        n_bytes += size
        if n_bytes > max_bytes or n_members > MAX_MEMBERS or size < 0:
            raise UserError(
                f"model {handle!r}: the archive holds more than {max_bytes} bytes or {MAX_MEMBERS} files, expected "
                "a smaller ELMo model; check where it comes from, or raise --model-max-gib"
            )
        if not is_plain:
            raise UserError(
                f"model {handle!r}: the archive holds {name!r}, which is a link or a device; expected plain files and "
                "folders; unpack it where you trust it, and give the folder"
            )
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name):
            raise UserError(
                f"model {handle!r}: the archive holds the path {name!r}, which leaves its folder; expected relative "
                "paths; don't use this archive"
            )
        yield member


def _is_plain(info: zipfile.ZipInfo) -> bool:
    return stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)


def content_folder(folder: Path, is_content: Callable[[Path], bool]) -> Path:
    """Returns ``folder``, or its only subfolder with the content if the archive was made from a folder."""
    while not is_content(folder):
        below = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__MACOSX"))]
        if len(below) != 1:
            break
        folder = below[0]
    return folder
