"""Odd input by the thousand: how many cases, from a fixed seed, and what may come of each.

``scripts/test --all`` tries as many as CASES says, which is ``ELMO_FUZZ=1``, and the ordinary run one in twenty.
``ELMO_FUZZ=10`` asks for ten times as many, ``ELMO_FUZZ_SEED=7`` for other cases, and ``ELMO_FUZZ_SHRINK=1`` for the
smallest case that fails, which takes its time.
"""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from elmo_udf.errors import UserError

Value = TypeVar("Value")

FACTOR = float(os.environ.get("ELMO_FUZZ", "0.05"))
ALL = FACTOR >= 1
"""Whether this is ``scripts/test --all``."""
SEED = os.environ.get("ELMO_FUZZ_SEED")
SHRINK = "ELMO_FUZZ_SHRINK" in os.environ

CASES = {
    "documents": 3200,
    "config": 2400,
    "flags": 300,
    "handles": 500,
    "options.json": 1700,
    "hdf5 bytes": 700,
    "hdf5 structure": 300,
    "archive bytes": 600,
    "archive structure": 400,
    "saved models": 60,
    "torch bytes": 400,
}
"""Cases that ``scripts/test --all`` tries, beside the files that go through Spark."""

LONGEST_LINE = 20_000
"""Characters that a line of ours may have: it may quote the file."""
LONGEST_CASE_S = 60


def run_cases(name: str, check: Callable[..., object], *, of: int = 1, **strategies: st.SearchStrategy[Any]) -> None:
    """Call ``check`` with all the cases that CASES has under ``name``; a call takes ``of`` of them."""
    n_done, n_cases = 0, math.ceil(CASES[name] * FACTOR)

    def count(**values: Any) -> None:
        nonlocal n_done
        started = time.perf_counter()
        check(**values)
        assert time.perf_counter() - started < LONGEST_CASE_S, "a case takes too long"
        n_done += of

    odd = settings(
        max_examples=-(-n_cases // of),
        derandomize=SEED is None,
        database=None,
        deadline=None,
        phases=[Phase.generate, *([Phase.shrink] if SHRINK else [])],
        suppress_health_check=list(HealthCheck),
    )(given(**strategies)(count))
    (odd if SEED is None else seed(int(SEED))(odd))()
    assert n_done >= n_cases, f"{n_done} cases were found"


def done_or_one_line(work: Callable[[], Value]) -> Value | None:
    """What ``work`` returns, or None where it refuses its input in one clear line; any other error passes."""
    try:
        return work()
    except UserError as error:
        line = str(error)
        assert line.isprintable() and 20 < len(line) < LONGEST_LINE, repr(line[:500])
        return None


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """``content`` with some bytes changed, cut out, repeated or put in, or cut short; or bytes of any kind."""
    return st.integers(0, 2**64 - 1).map(lambda number: damaged_by(random.Random(number), content))


def damaged_by(draw: random.Random, content: bytes) -> bytes:
    """The same, by ``draw``."""
    if draw.random() < 0.1:
        return draw.randbytes(draw.randrange(400))
    result = bytearray(content)
    for _ in range(draw.choice([1, 1, 2, 4, 8])):
        at, length = draw.randrange(len(content) + 1), draw.choice([1, 1, 2, 4, 8, 16])
        kind = draw.choice("xxxxbb-+=" + "." * (draw.random() < 0.2))
        if kind == "x":
            result[at : at + length] = draw.randbytes(length)
        elif kind == "b":  # numbers at their ends
            result[at : at + length] = draw.choice([b"\0", b"\xff", b"\x7f", b"9"]) * length
        elif kind == "-":
            del result[at : at + length]
        elif kind == "+":
            result[at:at] = draw.randbytes(length)
        elif kind == "=":
            result[at:at] = result[at : at + 40 * length]
        else:
            del result[max(at, 1) :]
    return bytes(result)
