"""A model's vectors beside published numbers: is this the model that the world knows?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from published_records import Record

from elmo_udf.errors import UserError
from elmo_udf.network.encoder import Encoder

TOLERANCE = 1e-3
"""Largest difference that other builds of TensorFlow and other hardware explain, with room to spare."""


@dataclass(frozen=True)
class Verification:
    """One published number, and what the model has in its place."""

    record: str
    place: str
    expected: float
    found: float | None
    """None where there is nothing: padding, of which there is none here, or a dimension that the model lacks."""
    reason: str
    """Why a difference proves nothing; empty where it does."""

    @property
    def difference(self) -> float | None:
        """Absolute difference, None where nothing was found."""
        return None if self.found is None else abs(self.found - self.expected)

    @property
    def fails(self) -> bool:
        """Whether the number says that the model is another one than the published."""
        return not self.reason and (self.difference is None or not self.difference <= TOLERANCE)  # also for NaN


def verify(records: Sequence[Record], encoder: Encoder) -> Iterator[Verification]:
    """Every number of every record, in order. Every sentence is embedded from zero state.

    Raises UserError for a layer that the model does not have, and for numbers that are not as they should be.
    """
    for record in records:
        layer = record.layer or encoder.options.layer_names[-1]
        rows = encoder.layers(record.sentences, [layer])[layer].astype(np.float64)  # (N, D)
        tokens = np.split(rows, np.cumsum([len(sentence) for sentence in record.sentences])[:-1])
        try:
            yield from _of_record(record, tokens)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise UserError(
                f"record {record.name!r} of the reference file: its numbers can't be read ({error}); expected them as "
                "scripts/published_records.py describes"
            ) from None


def _of_record(record: Record, tokens: list[np.ndarray]) -> Iterator[Verification]:
    """Verifications of one record, from the vectors (T, D) of the tokens of each of its texts."""
    vectors = [_vector(record, rows) for rows in tokens]
    for kind, numbers in record.numbers.items():
        if kind == "shape":
            yield from _beside(record, kind, numbers, _shape(record, tokens))
        elif kind == "rows":
            for place, parts in numbers.items():
                yield from _of_row(record, place, parts, tokens)
        elif kind == "first3_last3":
            for i, expected in enumerate(numbers):
                yield from _beside(record, f"[{i}] first3, last3", expected, [*vectors[i][:3], *vectors[i][-3:]])
        elif kind == "cosine":
            for i, expected in enumerate(numbers):
                yield from _beside(record, f"cosine[{i}]", expected, [_cosine(vectors[i], other) for other in vectors])
        else:
            similarity = _cosine(vectors[0], vectors[1])
            found = 1 - similarity if kind == "cosine_distance" else similarity
            yield Verification(record.name, kind, float(numbers), found, record.reason)


def _beside(
    record: Record, place: str, expected: Sequence[float], found: Sequence[float] | np.ndarray, reason: str = ""
) -> Iterator[Verification]:
    """A verification a number; where the model has fewer, there is nothing to find."""
    for i, number in enumerate(expected):
        value = float(found[i]) if i < len(found) else None
        yield Verification(record.name, f"{place}[{i}]", float(number), value, record.reason or reason)


def _of_row(
    record: Record, key: str, parts: dict[str, list[float]], tokens: list[np.ndarray]
) -> Iterator[Verification]:
    """The first and last dimensions of one token (of a text, where texts have one vector)."""
    i, j = _place(key, record.is_mean)
    longest = max(map(len, tokens))
    rows = tokens[i].mean(axis=0, keepdims=True) if record.is_mean else tokens[i]
    j = j + longest if j < 0 else j
    for part, expected in parts.items():
        if part == "comment":
            continue
        end, n = _part(part)
        if j < len(rows):
            yield from _beside(record, f"{key} {part}", expected, rows[j, :n] if end == "first" else rows[j, -n:])
        else:
            reason = f"padding: text {i} ends after {len(rows)} of the {longest} tokens of its call"
            yield from _beside(record, f"{key} {part}", expected, (), reason)


def _vector(record: Record, rows: np.ndarray) -> np.ndarray:
    """The one vector (D,) of a text that similarities are about, from those of its tokens (T, D)."""
    vector: np.ndarray = rows.mean(axis=0) if record.token_index is None else rows[record.token_index]
    return vector


def _cosine(left: np.ndarray, right: np.ndarray) -> float:
    """x·y / (‖x‖‖y‖) of two vectors (D,)."""
    return float(left @ right / (np.linalg.norm(left) * np.linalg.norm(right)))


def _shape(record: Record, tokens: list[np.ndarray]) -> list[int]:
    """Of the published output, padded to the longest text: (B, T, D), or (B, D) for means."""
    width = tokens[0].shape[1]
    return [len(tokens), width] if record.is_mean else [len(tokens), max(map(len, tokens)), width]


def _place(key: str, is_mean: bool) -> tuple[int, int]:
    """Text and token: "2" is a token of the only text (or a text, for means), "[1][-1]" says both."""
    if found := re.fullmatch(r"\[(\d+)\]\[(-?\d+)\]", key):
        return int(found[1]), int(found[2])
    return (int(key), 0) if is_mean else (0, int(key))


def _part(name: str) -> tuple[str, int]:
    """End and number of dimensions: "first3" is ("first", 3)."""
    found = re.fullmatch(r"(first|last)([1-9]\d*)", name)
    if found is None:
        raise ValueError(f"{name!r} is not such as first3 or last3")
    return found[1], int(found[2])
