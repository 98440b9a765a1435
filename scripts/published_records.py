"""Published numbers of ELMo models, from a JSON file of records.

A record names its ``model`` and ``output``, and has the texts of ``batch`` or ``sentences``: strings, which are split
at spaces, or lists of tokens; and ``tokens`` where the program that printed the numbers split the text its own way.
Its numbers are under ``shape``; ``rows`` (tokens by "2" or "[sentence][token]", each with ``first3``, ``last3``, ...);
``first3_last3`` (a list a text); ``cosine`` (a matrix); ``cosine_pair``; ``cosine_distance`` (of a token of each text).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elmo_udf.errors import UserError

Tokens = list[str]

_ABOUT = {"id", "model", "signature", "output", "batch", "sentences", "tokens", "comment", "source"}
_NUMBERS = {"shape", "rows", "first3_last3", "cosine", "cosine_pair", "cosine_distance"}
_HUB_MODEL = re.compile(r"(https://tfhub\.dev/)?google/elmo/(?P<version>\d+)")
_VERSIONS = ("2", "3")
"""One network: version 3 changed ``default``, which no longer counts padding in its mean, and nothing else."""


@dataclass(frozen=True)
class Record:
    """One published experiment: its texts, which of a model's vectors it is about, and its numbers as in the file."""

    name: str
    model: str
    layer: str | None
    """A layer of :class:`~elmo_udf.network.encoder.Encoder`; None for the topmost one, whatever its name."""
    is_mean: bool
    """Whether a text has one vector, the mean over its tokens."""
    token_index: int | None
    """The token of each text that the record is about, where it is about one."""
    sentences: tuple[Tokens, ...]
    numbers: dict[str, Any]
    reason: str
    """Why another number would prove nothing: another program, another version, or padding. Empty where it would."""


def read_records(path: str | Path) -> list[Record]:
    """The records of a reference file. Raises UserError where it is none."""
    where = f"reference file {str(path)!r}"
    try:
        content = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise UserError(f"{where} can't be read: {error.strerror}; check the path") from None
    except ValueError as error:
        raise UserError(f"{where} is not JSON: {error}; expected an object with a list of records") from None
    records = content.get("records") if isinstance(content, dict) else None
    if not isinstance(records, list) or not records:
        raise UserError(f"{where} has no records; expected an object with a list of them under 'records'")
    return [_record(record, f"{where}, record {number}") for number, record in enumerate(records, 1)]


def _record(record: Any, where: str) -> Record:
    try:
        name, model, output = (str(record[key]) for key in ("id", "model", "output"))
        texts = record["batch"] if "batch" in record else record["sentences"]
        sentences = tuple(_tokens(text) for text in ([record["tokens"]] if "tokens" in record else texts))
    except (KeyError, TypeError) as error:
        raise UserError(f"{where} lacks {error}; expected id, model, output, and batch or sentences") from None
    if unknown := record.keys() - _ABOUT - _NUMBERS:
        raise UserError(f"{where} ({name}) has {sorted(unknown)}; expected numbers under {sorted(_NUMBERS)}")
    layer, is_mean = _vectors_of(output, f"{where} ({name})")
    token = re.search(r"token (\d+)", output)
    numbers = {key: value for key, value in record.items() if key in _NUMBERS}
    reason = _reason(model, output, is_mean, [len(sentence) for sentence in sentences])
    return Record(name, model, layer, is_mean, int(token[1]) if token else None, sentences, numbers, reason)


def _tokens(text: Any) -> Tokens:
    """The published ``default`` signature splits at spaces only."""
    return [token for token in text.split(" ") if token] if isinstance(text, str) else [str(token) for token in text]


def _vectors_of(output: str, where: str) -> tuple[str | None, bool]:
    """Layer, and whether over the tokens of a text its mean was taken, from what the record says in words."""
    if found := re.match(r"(elmo|word_emb|lstm_outputs\d+)\b", output):
        return found[1], "mean over axis 1" in output
    if output.startswith("default"):
        return "elmo", True
    if output.startswith("top layer"):
        return None, False
    raise UserError(f"{where} has output {output!r}; expected elmo, word_emb, lstm_outputs1, default or top layer")


def _reason(model: str, output: str, is_mean: bool, lengths: list[int]) -> str:
    """Why the whole record is only shown, or nothing."""
    hub = _HUB_MODEL.fullmatch(model)
    if hub is None:
        return f"another program: {model}"
    if hub["version"] not in _VERSIONS:
        return f"another version: {model}"
    one_a_call = re.search(r"one sentence (a|per) call", output, re.IGNORECASE)
    ignores_padding = output.startswith("default") and hub["version"] != "2"
    if is_mean and len(set(lengths)) > 1 and not one_a_call and not ignores_padding:
        return f"padding: texts of {' and '.join(map(str, lengths))} tokens in one call, and a mean over the longest"
    return ""
