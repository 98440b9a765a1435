"""Estimates the work for a corpus, and divides it into tasks."""

from __future__ import annotations

import math

from elmo_udf.models.form import array_shapes
from elmo_udf.models.options import NetworkOptions

CHARACTERS_A_TOKEN = 5
"""Number of characters per token in running text with its spaces. Only estimates depend on it."""

_OPERATIONS_A_SECOND = 50e9
"""Operations per second of a core that is a few years old, in float32 matrix products."""

_LONGEST_TASK_S = 300
_SHORTEST_TASK_S = 10
_TASKS_A_SLOT = 4


def operations_a_token(network: NetworkOptions) -> int:
    """Returns the floating point operations per token in matrix products: two per weight.

    Convolutions count for 10 characters.
    """
    total = 0
    for name, shape in array_shapes(network):
        if name.endswith(("kernel", "_projection")):
            total += 2 * math.prod(shape) * (10 if name.startswith("filter") else 1)
    return total


def estimated_seconds(n_characters: int, network: NetworkOptions, cpus: int) -> float:
    """Returns the seconds that a task with so many cores may take for a text. Machines differ by some factor."""
    return n_characters / CHARACTERS_A_TOKEN * operations_a_token(network) / (_OPERATIONS_A_SECOND * cpus)


def count_tasks(n_characters: int, network: NetworkOptions, cpus: int, slots: int) -> int:
    """Returns the number of tasks of about five minutes.

    They are shorter, for progress and balance, if there is little work.
    """
    seconds = estimated_seconds(n_characters, network, cpus)
    target = min(max(seconds / (slots * _TASKS_A_SLOT), _SHORTEST_TASK_S), _LONGEST_TASK_S)
    return max(1, math.ceil(seconds / target))
