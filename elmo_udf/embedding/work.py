"""How much work a corpus is, and into how many tasks it goes."""

from __future__ import annotations

import math

from elmo_udf.models.form import array_shapes
from elmo_udf.models.options import NetworkOptions

CHARACTERS_A_TOKEN = 5
"""Of running text with its spaces; only estimates depend on it."""

_OPERATIONS_A_SECOND = 50e9
"""Multiplications and additions a second that a core of a few years ago does in float32 matrix products."""

_LONGEST_TASK_S = 300
_SHORTEST_TASK_S = 10
_TASKS_A_SLOT = 4


def operations_a_token(network: NetworkOptions) -> int:
    """Floating point operations for one token in the matrix products, two a weight; convolutions at 10 characters."""
    total = 0
    for name, shape in array_shapes(network):
        if name.endswith(("kernel", "_projection")):
            total += 2 * math.prod(shape) * (10 if name.startswith("filter") else 1)
    return total


def estimated_seconds(n_characters: int, network: NetworkOptions, cpus: int) -> float:
    """How long a task of so many cores may take for a text: within some factor, for machines differ."""
    return n_characters / CHARACTERS_A_TOKEN * operations_a_token(network) / (_OPERATIONS_A_SECOND * cpus)


def count_tasks(n_characters: int, network: NetworkOptions, cpus: int, slots: int) -> int:
    """Tasks of about five minutes; shorter ones, for progress and balance, where the whole corpus is little work."""
    seconds = estimated_seconds(n_characters, network, cpus)
    target = min(max(seconds / (slots * _TASKS_A_SLOT), _SHORTEST_TASK_S), _LONGEST_TASK_S)
    return max(1, math.ceil(seconds / target))
