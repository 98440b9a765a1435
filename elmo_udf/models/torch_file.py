"""Reads the tensors of a file that ``torch.save`` wrote, without PyTorch and without running what the file says.

Such a file is a pickle that names the tensors, and their numbers beside it: in a .zip since PyTorch 1.6, and one after
the other before. A pickle can call any function, so this one may only name tensors: everything else is refused.
"""

from __future__ import annotations

import math
import pickle
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import SEEK_CUR, BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np

from elmo_udf.errors import UserError

_TYPES = {
    **{"HalfStorage": "<f2", "FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8", "IntStorage": "<i4"},
    **{"ShortStorage": "<i2", "CharStorage": "<i1", "ByteStorage": "<u1", "BoolStorage": "|b1"},
}
MAX_PICKLE_BYTES = 1 << 26
"""Largest size of the pickle, which only names the tensors."""
_MAGIC = 0x1950A86A20F9469CFC6C


@dataclass(frozen=True)
class _Storage:
    """The numbers of one or several tensors: a key, their type and how many there are."""

    key: str
    dtype: np.dtype[Any]
    n: int


@dataclass(frozen=True)
class _Tensor:
    """A part of a storage."""

    storage: _Storage
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, numbers: np.ndarray) -> np.ndarray:
        """Returns the tensor as an array, after checking that it lies in its storage."""
        last = self.start + sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))
        inside = min(self.start, *self.shape, *self.strides, 0) >= 0 and last < len(numbers)
        if math.prod(self.shape) > len(numbers) or not (inside or 0 in self.shape):
            raise ValueError(f"a tensor of the shape {self.shape} in a storage of {len(numbers)} numbers")
        bytes_apart = [stride * numbers.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(numbers[self.start :], self.shape, bytes_apart).copy()


class _Names(pickle.Unpickler):
    """Reads a pickle that may only name tensors, and keeps what it says about their storages."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return _Dict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, start, shape, strides, *_: _Tensor(storage, start, tuple(shape), tuple(strides))
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in _TYPES:
            return np.dtype(_TYPES[name])
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is no tensor")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, n, *_ = pid
        if kind != "storage" or not isinstance(dtype, np.dtype) or not isinstance(n, int):
            raise pickle.UnpicklingError(f"it names {pid!r:.100}, which is no storage of numbers")
        return self.storages.setdefault(str(key), _Storage(str(key), dtype, n))


class _Dict(dict[str, Any]):
    """Stands for the dictionary of tensors, which may have attributes."""


def read_tensors(path: Path, wanted: Callable[[str], bool], where: str, max_bytes: int) -> dict[str, np.ndarray]:
    """Returns the tensors in a file whose names are ``wanted``, as arrays by name.

    Raises UserError, which begins with ``where``, if the file is damaged, contains anything but tensors, or if they
    have more than ``max_bytes``.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as file:
                return _from_zip(file, wanted, max_bytes)
        with path.open("rb") as stream:
            return _from_stream(stream, wanted, max_bytes)
    except (
        *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, OverflowError, MemoryError),
        *(RuntimeError, struct.error, zipfile.BadZipFile, pickle.UnpicklingError),
    ) as error:
        raise UserError(
            f"{where}: can't be read ({error}), expected the tensors that PyTorch saved; fetch the model again"
        ) from None


def _named(names: Any, wanted: Callable[[str], bool], max_bytes: int) -> dict[str, _Tensor]:
    if not isinstance(names, dict):
        raise ValueError(f"it holds a {type(names).__name__}, no tensors by name")
    found = {name: value for name, value in names.items() if isinstance(value, _Tensor) and wanted(name)}
    if sum(math.prod(tensor.shape) * tensor.storage.dtype.itemsize for tensor in found.values()) > max_bytes:
        raise ValueError(f"its tensors have more than {max_bytes} bytes")
    return found


def _from_zip(file: zipfile.ZipFile, wanted: Callable[[str], bool], max_bytes: int) -> dict[str, np.ndarray]:
    (pickled,) = [name for name in file.namelist() if name.endswith("/data.pkl") or name == "data.pkl"]
    folder = pickled.removesuffix("data.pkl")
    if file.getinfo(pickled).file_size > MAX_PICKLE_BYTES:
        raise ValueError(f"its pickle has more than {MAX_PICKLE_BYTES} bytes")
    if f"{folder}byteorder" in file.namelist() and file.read(f"{folder}byteorder") != b"little":
        raise ValueError("its numbers are big-endian")
    result = {}
    for name, tensor in _named(_Names(BytesIO(file.read(pickled))).load(), wanted, max_bytes).items():
        member = file.getinfo(f"{folder}data/{tensor.storage.key}")
        if member.file_size != tensor.storage.n * tensor.storage.dtype.itemsize or member.file_size > max_bytes:
            raise ValueError(f"{member.filename} has {member.file_size} bytes")
        result[name] = tensor.array(np.frombuffer(file.read(member), tensor.storage.dtype))
    return result


def _from_stream(stream: IO[bytes], wanted: Callable[[str], bool], max_bytes: int) -> dict[str, np.ndarray]:
    magic, protocol, system = (_Names(stream).load() for _ in range(3))
    if (magic, protocol) != (_MAGIC, 1001) or not system["little_endian"]:
        raise ValueError("it does not begin as PyTorch's files do")
    names = _Names(stream)
    tensors = _named(names.load(), wanted, max_bytes)
    used, numbers = {tensor.storage.key for tensor in tensors.values()}, {}
    for key in _Names(stream).load():
        storage = names.storages[key]
        (n,) = struct.unpack("<q", stream.read(8))
        n_bytes = n * storage.dtype.itemsize
        if n != storage.n or not 0 <= n_bytes <= max_bytes:
            raise ValueError(f"storage {key} has {n} numbers")
        if key in used:
            numbers[key] = np.frombuffer(stream.read(n_bytes), storage.dtype)
        else:
            stream.seek(n_bytes, SEEK_CUR)
    return {name: tensor.array(numbers[tensor.storage.key]) for name, tensor in tensors.items()}
