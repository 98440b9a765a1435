"""Layers of sentences, by simple_elmo."""

from __future__ import annotations

import numpy as np
from simple_elmo import ElmoModel


def main(folder: str, sentences: list[list[str]], output: str) -> None:
    """Write all layers of all tokens, (layers, N, 2P) float32, to the .npy file ``output``."""
    model = ElmoModel()
    # One batch, read once: what is read next would start from the states that this leaves.
    model.load(folder, max_batch_size=len(sentences))
    vectors = model.get_elmo_vectors(sentences, warmup=False, layers="all")
    rows = [vectors[i, :, : len(sentence)] for i, sentence in enumerate(sentences)]
    np.save(output, np.concatenate(rows, axis=1).astype(np.float32))
