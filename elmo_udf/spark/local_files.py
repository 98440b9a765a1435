"""Files of this machine: each function has done all or nothing when it ends, and is the same if it is called again."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from elmo_udf.cleanup import if_it_fails
from elmo_udf.errors import ResourceError

_AT_FDCWD, _EXCHANGE = -100, 2
"""Of Linux's renameat2, and of macOS's renamex_np, where the flag has the same value."""
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)
"""What file systems say on which a file has one name."""


@contextmanager
def refusals(path: object) -> Iterator[None]:
    """Raises ResourceError where the system refuses something: no room, a file system that is read-only, no right."""
    try:
        yield
    except OSError as error:
        raise ResourceError(
            f"path {str(path)!r} can't be written: {error.strerror or error}; make room or give the right to, and run "
            "the same command again"
        ) from error


def write(path: Path, content: bytes) -> None:
    """Writes a small file and replaces what was there. It is whole when it appears."""
    unfinished = path.with_name(f".{uuid.uuid4().hex}.tmp")
    with refusals(path), if_it_fails(lambda: unfinished.unlink(missing_ok=True)):
        unfinished.write_bytes(content)
        unfinished.replace(path)


def create(path: Path, content: bytes) -> bool:
    """Writes a small file unless there is one. Returns whether this call has made it. It is whole when it appears."""
    unfinished = path.with_name(f".{uuid.uuid4().hex}.tmp")
    with refusals(path):
        try:
            with if_it_fails(lambda: unfinished.unlink(missing_ok=True)):
                unfinished.write_bytes(content)
                _link(unfinished, path)
        except (FileExistsError, FileNotFoundError):  # not found: the folder has gone meanwhile
            return False
        unfinished.unlink(missing_ok=True)
    return True


def _link(unfinished: Path, path: Path) -> None:
    try:
        os.link(unfinished, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with path.open("xb") as file:  # a file system without links
            file.write(unfinished.read_bytes())


def move(source: Path, target: Path) -> None:
    """Moves a file or a folder. A file replaces one that is there, and a folder replaces an empty folder."""
    with refusals(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)


def exchange(one: Path, other: Path) -> None:
    """Exchanges two paths of a file system at once. Raises OSError if that is impossible."""
    libc = ctypes.CDLL(None, use_errno=True)
    paths = [os.fsencode(path) for path in (one, other)]
    try:
        if sys.platform == "darwin":
            failed = libc.renamex_np(*paths, _EXCHANGE)
        else:
            failed = libc.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _EXCHANGE)
    except AttributeError:  # another libc
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one))


def can_exchange(folder: Path) -> bool:
    """Returns whether the file system of ``folder`` exchanges folders: it is tried on two empty ones."""
    pair = [folder / f".{uuid.uuid4().hex}.tmp" for _ in range(2)]
    try:
        for one in pair:
            one.mkdir()
        exchange(*pair)
        worked = True
    except OSError:
        worked = False
    for one in pair:
        with suppress(OSError):
            one.rmdir()
    return worked


def link(source: Path, target: Path, names: Collection[str]) -> bool:
    """Gives files in ``source`` (paths in it) a second name in ``target``, except where there is such a file.

    Returns whether the file system can do that; where it can't, nothing is left. The folder ``target`` gets the rights
    of ``source``, which it is going to replace.
    """
    made: list[Path] = []
    try:
        for name in names:
            path = target / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                os.link(source / name, path, follow_symlinks=False)
                made.append(path)
        shutil.copymode(source, target)
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        if error.errno in _NO_LINKS:
            return False
        with refusals(target):
            raise
    return True


def delete(path: Path) -> None:
    """Removes a file, a link, or a folder with all it holds. Nothing happens if there is none."""
    with refusals(path):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        except FileNotFoundError:
            pass


def identity(path: Path) -> list[int] | None:
    """Numbers that stay with a file or folder wherever it is renamed to; None where there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return [found.st_dev, found.st_ino]


def real(path: Path) -> Path:
    """Returns the path without links and dots, with the letters of its names as a disk that ignores case has them.

    What is not there yet is kept as it is.
    """
    found = Path(os.path.realpath(path))
    cased = Path(found.anchor)
    for name in found.parts[1:]:
        cased /= _name_on_disk(cased, name)
    return cased


def _name_on_disk(folder: Path, name: str) -> str:
    path, other = folder / name, folder / name.swapcase()
    try:
        if other == path or not path.samefile(other):
            return name
        names = [one.name for one in folder.iterdir()]
        return name if name in names else next(one for one in names if one.casefold() == name.casefold())
    except (OSError, StopIteration):
        return name
