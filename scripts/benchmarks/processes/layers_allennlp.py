"""Layers of sentences, by AllenNLP's ELMo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from absent import replace_absent


def main(folder: str, sentences: list[list[str]], output: str) -> None:
    """Write all layers of all tokens, (layers, N, 2P) float32, to the .npy file ``output``."""
    replace_absent()
    from allennlp.modules.elmo import _ElmoBiLm, batch_to_ids

    options, weights = (str(next(Path(folder).glob(pattern))) for pattern in ("*options*.json", "*.hdf5"))
    network = _ElmoBiLm(options, weights).eval()
    with torch.no_grad():
        layers = network(batch_to_ids(sentences))["activations"]  # of each layer (B, T + 2, 2P): marks come with it
    rows = [[layer[i, 1 : len(sentence) + 1].numpy() for i, sentence in enumerate(sentences)] for layer in layers]
    np.save(output, np.stack([np.concatenate(layer) for layer in rows]))
