"""AllenNLP's and simple_elmo's ELMo on the same sentences with the same weights, as they ship and at their best."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from environments import Environment, run
from published import Text, published_model

from elmo_udf.models.writing import write_allennlp

SIMPLE_ELMO = Environment("simple-elmo", ("simple-elmo==0.9.2", "tensorflow==2.15.1", "numpy<2"))
ALLENNLP = Environment(
    "allennlp", ("torch==2.13.0", "numpy", "h5py", "dill", "tqdm", "more-itertools"), ("allennlp==2.10.1",)
)
PEERS = {"allennlp": ALLENNLP, "simple_elmo": SIMPLE_ELMO}

SHIPPED_BATCH = {"allennlp": 64, "simple_elmo": 32}
"""Default batches: of AllenNLP's ElmoEmbedder, and of simple_elmo's load."""
BATCHES = (32, 64, 128)
N_COMPARED = 48
"""Sentences whose layers are compared. AllenNLP reads no others, for it starts a batch from the states of the last."""


def measure_peers(folder: Path, size: str, text: Text) -> dict[str, dict[str, Any]]:
    """Tokens/s and memory of each peer, each way; a process each, without the time to load the model.

    But simple_elmo gives TensorFlow its weights at every call, the only one here too.
    """
    write_allennlp(published_model(size), folder)
    texts = {"own": folder / "own.json", "sorted": folder / "sorted.json"}
    texts["own"].write_text(json.dumps(text), "utf-8")
    texts["sorted"].write_text(json.dumps(sorted(text, key=len)), "utf-8")
    figures = {}
    for peer, environment in PEERS.items():
        for order, batch in [("own", SHIPPED_BATCH[peer]), *(("sorted", batch) for batch in BATCHES)]:
            arguments = {"folder": str(folder), "text": str(texts[order]), "batch": batch}
            measured = run(environment.python(), f"processes/speed_{peer}.py", arguments)
            figure = {
                "tokens_per_s": round(measured.result["n_tokens"] / measured.result["seconds"], 1),
                "peak_gib": measured.peak_gib,
            }
            name = f"{peer}, {order} order, batch {batch}"
            figures[name] = figure
            print(f"{name:60} {figure}", flush=True)
    return figures


def fastest(figures: dict[str, dict[str, Any]], order: str) -> float:
    """Tokens/s of the fastest peer in that order, ``own`` or ``sorted``."""
    return max(float(figure["tokens_per_s"]) for name, figure in figures.items() if f"{order} order" in name)


def difference_to_allennlp(folder: Path, text: Text) -> float:
    """Largest absolute difference of any value of any layer, from zero state, of the model in ``folder``.

    This project reads them among all others, as where its time is taken.
    """
    layers = []
    for python, name, read in ((sys.executable, "elmo_udf", text), (ALLENNLP.python(), "allennlp", text[:N_COMPARED])):
        output = folder / f"{name}.npy"
        run(python, f"processes/layers_{name}.py", {"folder": str(folder), "sentences": read, "output": str(output)})
        layers.append(np.load(output, mmap_mode="r"))
    return float(np.abs(layers[0][:, : layers[1].shape[1]] - layers[1]).max())
