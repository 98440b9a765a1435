"""Which rows are held out, and the folds: functions of the number of rows and the seed alone.

They are those of scikit-learn, so that results can be compared with what others have published; RandomState's
numbers never change (NumPy's NEP 19).
"""

from __future__ import annotations

import math

import numpy as np


def held_out(n: int, test_size: float, seed: int) -> np.ndarray:
    """(n,) bool: the test rows of ``train_test_split(range(n), test_size=test_size, random_state=seed)``."""
    mask = np.zeros(n, bool)
    mask[np.random.RandomState(seed).permutation(n)[: math.ceil(test_size * n)]] = True
    return mask


def fold_numbers(n: int, folds: int, seed: int) -> np.ndarray:
    """(n,) int32: in which test fold of ``KFold(folds, shuffle=True, random_state=seed)`` each of ``n`` rows is."""
    order = np.arange(n)
    np.random.RandomState(seed).shuffle(order)
    numbers = np.empty(n, np.int32)
    for number, rows in enumerate(np.array_split(order, folds)):
        numbers[rows] = number
    return numbers
