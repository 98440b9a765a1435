"""Recognizes compressed files, and files of other kinds, by their first bytes, and whether Spark can read them."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable

from elmo_udf.spark.inputs.names import COMPRESSIONS

_GZIP, _BZIP2, _ZSTD = "gzip", "bzip2", "Zstandard"
_SIGNATURES = {
    b"\x1f\x8b": _GZIP,
    b"BZh": _BZIP2,
    b"\x28\xb5\x2f\xfd": _ZSTD,
    b"\x04\x22\x4d\x18": "an LZ4 frame",
    b"\x02\x21\x4c\x18": "a legacy LZ4 frame",
    b"\xff\x06\x00\x00sNaPpY": "a Snappy frame",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "a ZIP archive (or a workbook of Excel)",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x1f\x9d": "compress (.Z)",
    b"PAR1": "Parquet",
    b"Obj\x01": "Avro",
    b"%PDF-": "PDF",
}
"""What files of other kinds begin with."""

_BY_SUFFIX = {"gz": _GZIP, "bz2": _BZIP2, "zst": _ZSTD}
"""Compressions whose files begin alike, whichever program wrote them. Hadoop has framings of its own of the others."""


def wrong_compression(path: str, head: bytes, kind: str) -> str | None:
    """Returns why Spark can't read the file as ``kind``, given its first bytes, or None."""
    suffix = path.rpartition(".")[2]  # whose case counts for Hadoop
    found = next((name for first, name in _SIGNATURES.items() if head.startswith(first)), None)
    if suffix in COMPRESSIONS:
        return _unlike_its_name(path, suffix, head, found)
    if found is None or (found == _BZIP2 and head[4:10] != b"1AY&SY"):
        return None
    return f"file {path!r} is {found}, expected {kind}; {_advice(path, found)}"


def decompressed(path: str, head: bytes, n: int) -> bytes:
    """Returns up to ``n`` of the bytes that are compressed in a file's first ones: none where they can't be had."""
    suffix = path.rpartition(".")[2]
    if suffix not in COMPRESSIONS:
        return head
    return _DECOMPRESS[suffix](head, n) if suffix in _DECOMPRESS else b""


def _unlike_its_name(path: str, suffix: str, head: bytes, found: str | None) -> str | None:
    if suffix in ("lz4", "snappy") and found is not None:
        return (
            f"file {path!r} is {found}, and Hadoop reads .{suffix} files in a framing of its own, which other programs "
            "do not write; expected that, gzip or Zstandard; decompress the file, or compress it with gzip"
        )
    expected = _BY_SUFFIX.get(suffix)
    is_skippable = suffix == "zst" and head[1:4] == b"\x2a\x4d\x18"  # what may come before a frame
    if expected is not None and head and found != expected and not is_skippable:
        return (
            f"file {path!r} is not compressed with {expected}, as its name says (found {found or 'other contents'}); "
            f"expected {expected}; rename the file, or compress it"
        )
    return None


def _advice(path: str, found: str) -> str:
    suffix = {name: suffix for suffix, name in _BY_SUFFIX.items()}.get(found)
    if suffix is not None:
        return f"give the file a name that ends in .{suffix}, by which Spark knows what it is"
    if found == "Parquet":
        return "add --input-format parquet, or give the file a name that ends in .parquet"
    return "unpack the file, or compress it with gzip" if "." not in found else "decompress the file"


def _inflate(head: bytes, n: int) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(head, n)
    except zlib.error:
        return b""  # Spark says it when it reads on


def _unbzip2(head: bytes, n: int) -> bytes:
    try:
        return bz2.BZ2Decompressor().decompress(head, n)
    except OSError:
        return b""


_DECOMPRESS: dict[str, Callable[[bytes, int], bytes]] = {"gz": _inflate, "deflate": _inflate, "bz2": _unbzip2}
"""What can be decompressed from its first bytes. A block of bzip2 is at most 900 kB, and may not fit."""
