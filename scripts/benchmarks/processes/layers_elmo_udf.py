"""Layers of sentences, by this project."""

from __future__ import annotations

import numpy as np

from elmo_udf.models import load_model
from elmo_udf.network.engine import Network


def main(folder: str, sentences: list[list[str]], output: str) -> None:
    """Write all layers of all tokens, (layers, N, 2P) float32, to the .npy file ``output``."""
    model = load_model(folder)
    names = model.options.layer_names
    layers = Network(model).layers(sentences, names)
    np.save(output, np.stack([np.tile(layers[name], 2) if name == "word_emb" else layers[name] for name in names]))
