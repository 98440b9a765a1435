"""Looks at the first bytes of files, and refuses those that Spark would read as something that they are not."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import unquote

from pyspark.sql import SparkSession

from elmo_udf.errors import UserError
from elmo_udf.spark import files
from elmo_udf.spark.inputs.compression import decompressed, wrong_compression
from elmo_udf.spark.inputs.json_files import wrong_json

_HEAD_BYTES = 1 << 14

_BYTE_ORDER_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32LE",
    b"\x00\x00\xfe\xff": "UTF-32BE",
    b"\xff\xfe": "UTF-16LE",
    b"\xfe\xff": "UTF-16BE",
}


def check_contents(spark: SparkSession, uris: Sequence[str], kind: str) -> None:
    """Raises UserError for a file that is no text in UTF-8, or no JSON lines, by its first bytes."""
    with ThreadPoolExecutor(32) as pool:  # elsewhere than on this machine every look takes its time
        for complaint in pool.map(partial(_complaint, spark, kind), uris):
            if complaint is not None:
                raise UserError(complaint)


def _complaint(spark: SparkSession, kind: str, uri: str) -> str | None:
    """Returns what is wrong with a file, or None."""
    path = unquote(uri)
    head = files.first_bytes(spark, path, _HEAD_BYTES)
    if wrong := wrong_compression(path, head, kind):
        return wrong
    head = decompressed(path, head, _HEAD_BYTES)
    return _wrong_text(path, head) or (wrong_json(path, head) if kind == "json" else None)


def _wrong_text(path: str, head: bytes) -> str | None:
    """Returns what is said of text in UTF-16 or UTF-32, and of a tar archive."""
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if head.startswith(mark)), None)
    if encoding is not None and (b"\0" not in head or not _decodes(head, encoding)):
        encoding = None
    if encoding is None and len(head) >= 8:
        # In text of the Latin script every other byte is zero.
        encoding = next((name for name, i in (("UTF-16LE", 1), ("UTF-16BE", 0)) if _share_zero(head[i::2]) > 0.6), None)
    if encoding is not None:
        return (
            f"file {path!r} is in {encoding}, expected UTF-8; convert it, for example with: "
            f"iconv -f {encoding[:6]} -t UTF-8"
        )
    if head[257:262] == b"ustar":
        return f"file {path!r} is a tar archive, expected a file of documents; unpack it"
    return None


def _decodes(head: bytes, encoding: str) -> bool:
    try:
        head[: len(head) // 4 * 4].decode(encoding)
    except UnicodeDecodeError as error:
        return error.end >= len(head) - 4  # a character that is cut
    return True


def _share_zero(part: bytes) -> float:
    return part.count(0) / len(part)
