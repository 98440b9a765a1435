"""Pairs of sentences with scores, as files, and what the reference network and numpy make of them."""

from __future__ import annotations

import numpy as np

from elmo_udf.models.form import Model
from elmo_udf.text.tokenizer import Tokenizer
from tests import numpy_elmo

PAIRS = [
    (5.0, "The kettle boils.", "The kettle is boiling."),
    (0.5, "The kettle boils.", "A moon moves the tides."),
    (4.0, "Tides follow the moon.", "A moon moves the tides."),
    (1.0, 'The "quick" test ended.', '"Rivers rose overnight.'),
    (3.2, "Rivers rise in spring. They fall later.", '"Rivers rose overnight.'),
    (2.0, "Boats lay in the harbour.", "Rivers rise in spring. They fall later."),
    (0.0, "Snow fell on the hills.", "The kettle is boiling."),
    (4.4, "Snow fell on the hills.", "It snowed in the hills, softly."),
    (1.5, "Boats lay in the harbour.", "It snowed in the hills, softly."),
]
"""Score, first and second text; some texts are in several pairs, some have quotes that are not closed."""


def tsv(pairs: list[tuple[float, str, str]] = PAIRS) -> str:
    return "".join("\t".join(map(str, row)) + "\n" for row in [("score", "sentence1", "sentence2"), *pairs])


def distinct_texts(pairs: list[tuple[float, str, str]] = PAIRS) -> list[str]:
    return sorted({text for _, *texts in pairs for text in texts})


def vectors(model: Model, layer: str, pooling: str, texts: list[str]) -> np.ndarray:
    """(n, width) float64: pooled token vectors of each text, by the reference."""
    rows = []
    for text in texts:
        tokens = np.concatenate([numpy_elmo.layers(model, sentence)[layer] for sentence in Tokenizer()(text).sentences])
        rows.append(getattr(tokens, pooling)(axis=0))
    return np.array(rows)


def corrected(rows: np.ndarray, correction: str) -> np.ndarray:
    """(n, width) -> (n, width'): by plain numpy, from a singular value decomposition."""
    kind, _, number = correction.partition("-")
    if kind == "none":
        return rows
    centred = rows - rows.mean(axis=0)
    _, lengths, components = np.linalg.svd(centred, full_matrices=False)
    n = int(number or 0)
    if kind == "whiten":
        return centred @ components[:n].T / lengths[:n]
    return centred - centred @ components[:n].T @ components[:n]


def cosines(rows: np.ndarray, texts: list[str], pairs: list[tuple[float, str, str]] = PAIRS) -> np.ndarray:
    """(n_pairs,): of the vectors (n, width) of the texts."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.array([unit[texts.index(a)] @ unit[texts.index(b)] for _, a, b in pairs])
