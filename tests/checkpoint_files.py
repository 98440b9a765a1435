"""Writes the index of a TensorFlow checkpoint by hand, with right checksums, whatever its entries say.

The format is LevelDB's table (blocks of keys and values with a footer) around TensorFlow's tensor_bundle.proto.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

MAGIC = 0xDB4775248B80FB57


def crc32c(data: bytes) -> int:
    """The CRC-32 of Castagnoli, masked as LevelDB stores it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """A block in which every key is written out."""
    body, restarts = b"", []
    for key, value in entries:
        restarts.append(len(body))
        body += varint(0) + varint(len(key)) + varint(len(value)) + key + value
    restarts = restarts or [0]
    return body + b"".join(struct.pack("<I", at) for at in [*restarts, len(restarts)])


def write_index(prefix: Path, entries: dict[str, dict[str, Any]]) -> None:
    """Writes a checkpoint whose variables have these fields of BundleEntryProto; their ``shape`` is a list."""
    from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
    from tensorflow.core.protobuf.tensor_bundle_pb2 import BundleEntryProto, BundleHeaderProto

    header = BundleHeaderProto(num_shards=1)
    header.version.producer = 1
    values = [(b"", header.SerializeToString())]
    for name, fields in sorted(entries.items()):
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in fields["shape"]])
        values.append(
            (
                name.encode(errors="surrogateescape"),
                BundleEntryProto(**{"dtype": 1, **fields, "shape": shape}).SerializeToString(),
            )
        )
    file, handles = b"", []
    for content in (block(values), block([])):
        handles.append(varint(len(file)) + varint(len(content)))
        file += content + b"\0" + struct.pack("<I", crc32c(content + b"\0"))
    index = block([(values[-1][0], handles[0])])
    footer = handles[1] + varint(len(file)) + varint(len(index))
    file += index + b"\0" + struct.pack("<I", crc32c(index + b"\0"))
    prefix.parent.mkdir(parents=True, exist_ok=True)
    prefix.with_name(prefix.name + ".index").write_bytes(file + footer.ljust(40, b"\0") + struct.pack("<Q", MAGIC))
    prefix.with_name(prefix.name + ".data-00000-of-00001").write_bytes(bytes(64))
