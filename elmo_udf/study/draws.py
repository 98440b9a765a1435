"""Which texts a repeat trains on, validates on and is tested on. Plain numpy."""

from __future__ import annotations

import numpy as np

PARTS = ("training", "validation", "test")


def draw(n_texts: int, sizes: tuple[int, int, int], repeat: int, seed: int) -> dict[str, np.ndarray]:
    """Positions of texts for each of PARTS, (size,) int64, drawn without replacement, so that none is in two parts.

    A draw depends on ``n_texts``, ``seed`` and ``repeat`` alone: repeat 3 of 10 is repeat 3 of 20.
    """
    chosen = np.random.default_rng([seed, repeat]).permutation(n_texts)[: sum(sizes)]
    return dict(zip(PARTS, np.split(chosen, np.cumsum(sizes)[:-1]), strict=True))
