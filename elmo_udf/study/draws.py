"""Draws the training, validation and test texts of each repeat, with plain numpy."""

from __future__ import annotations

import numpy as np

PARTS = ("training", "validation", "test")


def draw(n_texts: int, sizes: tuple[int, int, int], repeat: int, seed: int) -> dict[str, np.ndarray]:
    """Returns positions of texts for each of PARTS, int64, shape (size,). No text is in two parts.

    A draw depends only on ``n_texts``, ``seed`` and ``repeat``: repeat 3 of 10 equals repeat 3 of 20.
    """
    chosen = np.random.default_rng([seed, repeat]).permutation(n_texts)[: sum(sizes)]
    return dict(zip(PARTS, np.split(chosen, np.cumsum(sizes)[:-1]), strict=True))
