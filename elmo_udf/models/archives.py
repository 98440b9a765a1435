"""Archives of models (.zip, .tar, .tar.gz), unpacked so that nothing is written outside of one folder."""

from __future__ import annotations

import lzma
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from elmo_udf.errors import UserError

MAX_UNPACKED_BYTES = 16 * 1024**3
"""Forty times the largest published ELMo model: what claims to be more is not one."""
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


@dataclass(frozen=True)
class _Member:
    """One entry of an archive, of either kind."""

    name: str
    n_bytes: int
    is_folder: bool
    open: Callable[[], AbstractContextManager[IO[bytes]]]


@contextmanager
def unpacked(archive: Path, handle: str, max_bytes: int = MAX_UNPACKED_BYTES) -> Iterator[Path]:
    """A temporary folder with the content of ``archive``, removed on leaving.

    Raises UserError where the file is not an archive, is damaged, or holds what could do harm: a path or a link that
    leaves the folder, a device, or more than ``max_bytes``.
    """
    with tempfile.TemporaryDirectory(prefix="elmo-model-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        try:
            _unpack(archive, folder, handle, max_bytes)
        except UserError:
            raise
        except _DAMAGE as error:
            raise UserError(
                f"model {handle!r}: the archive can't be unpacked ({error}), expected a whole .zip or .tar.gz without "
                "a password; fetch it again"
            ) from None
        yield folder


def _unpack(archive: Path, folder: Path, handle: str, max_bytes: int) -> None:
    # A .tar is tried first: one that holds a .zip could be taken for a .zip, but not the other way round.
    if tarfile.is_tarfile(archive):
        members = _tar_members(archive, handle)
    elif zipfile.is_zipfile(archive):
        members = _zip_members(archive, handle)
    else:
        raise UserError(
            f"model {handle!r}: the file is not an archive, expected a .zip or .tar.gz, or the folder of a model; "
            "give one of these"
        )
    n_bytes = 0
    for n_members, member in enumerate(members, start=1):
        n_bytes += member.n_bytes
        if n_bytes > max_bytes or n_members > MAX_MEMBERS or member.n_bytes < 0:
            raise UserError(
                f"model {handle!r}: the archive holds more than {max_bytes} bytes or {MAX_MEMBERS} files, expected "
                "less of an ELMo model; check where it comes from"
            )
        _write(member, folder / _inside(member.name, handle))


def _inside(name: str, handle: str) -> PurePosixPath:
    """``name`` as a relative path that stays in its folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name):
        raise UserError(
            f"model {handle!r}: the archive holds the path {name!r}, which leaves its folder; expected relative paths; "
            "don't use this archive"
        )
    return path


def _write(member: _Member, target: Path) -> None:
    if member.is_folder:
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, length=1 << 20)


def _zip_members(archive: Path, handle: str) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _not_plain(info.filename, handle)
            # zipfile reads no more than the size that is declared here
            yield _Member(info.filename, info.file_size, info.is_dir(), partial(file.open, info))


def _tar_members(archive: Path, handle: str) -> Iterator[_Member]:
    with tarfile.open(archive, "r:*") as file:
        for info in file:
            if not (info.isfile() or info.isdir()):
                raise _not_plain(info.name, handle)
            yield _Member(info.name, info.size, info.isdir(), partial(_content, file, info))


def _content(file: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = file.extractfile(info)
    assert content is not None  # it is a file
    return content


def _not_plain(name: str, handle: str) -> UserError:
    return UserError(
        f"model {handle!r}: the archive holds {name!r}, which is a link or a device; expected plain files and folders; "
        "unpack it where you trust it, and give the folder"
    )


def content_folder(folder: Path, is_content: Callable[[Path], bool]) -> Path:
    """``folder``, or the one folder below it that has the content, as where an archive was made of a folder."""
    while not is_content(folder):
        below = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__MACOSX"))]
        if len(below) != 1:
            break
        folder = below[0]
    return folder
