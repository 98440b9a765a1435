"""Runs one trial without Spark: one network of one repeat, trained with each learning rate and tested with the best."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from elmo_udf.study.draws import PARTS
from elmo_udf.study.examples import Example, Examples
from elmo_udf.study.options import StudyOptions
from elmo_udf.study.static_vectors import StaticVectors

NETWORKS = ("static", "static+elmo")


@dataclass
class Gathered:
    """The texts of one trial in the order of their arrival, with ELMo's vectors in pieces."""

    texts: dict[int, tuple[str, int, np.ndarray]] = field(default_factory=dict)
    """The part, the label and the static rows (T,) of each text, by its number."""
    pieces: dict[int, list[tuple[int, int, np.ndarray]]] = field(default_factory=lambda: defaultdict(list))
    """The sentence and the token of the first row, and the rows (T_i, D) float32, by the number of the text."""

    def examples(self, static: StaticVectors, elmo_width: int) -> dict[str, Examples]:
        """Returns the texts of each part, sorted by number. Raises RuntimeError if a token has no vector or two."""
        parts: dict[str, list[Example]] = {part: [] for part in PARTS}
        for number, (part, label, rows) in sorted(self.texts.items()):
            pieces = [vectors for _, _, vectors in sorted(self.pieces[number], key=lambda piece: piece[:2])]
            n_found = sum(map(len, pieces))
            if elmo_width and n_found != len(rows):
                raise RuntimeError(
                    f"text {number} has {len(rows)} tokens and {n_found} token vectors; expected as many; the table "
                    "of token vectors was changed, or its rejects name the text"
                )
            parts[part].append(Example(rows, pieces, label))
        return {part: Examples(texts, static.matrix, elmo_width) for part, texts in parts.items()}


def run_trial(
    parts: dict[str, Examples], network: str, repeat: int, threads: int, options: StudyOptions
) -> list[dict[str, Any]]:
    """Returns one row per learning rate with the course of training. The best rate's row has the test accuracy."""
    from elmo_udf.network.runtime import start_tensorflow
    from elmo_udf.study.network import accuracy, train

    tf = start_tensorflow(threads)
    seed = int(np.random.default_rng([options.seed, repeat]).integers(2**31))
    rows: list[dict[str, Any]] = []
    best = None
    for rate in options.rates(network):
        started = time.perf_counter()
        trained = train(tf, parts["training"], parts["validation"], rate, seed, options)
        if best is None or trained.validation_loss < best.validation_loss:
            best, best_row = trained, len(rows)
        rows.append(
            {
                "repeat": repeat,
                "network": network,
                "learning_rate": rate,
                "n_epochs": trained.n_epochs,
                "best_epoch": trained.best_epoch,
                "validation_loss": trained.validation_loss,
                "validation_accuracy": trained.validation_accuracy,
                "test_accuracy": None,
                "seconds": time.perf_counter() - started,
            }
        )
    assert best is not None  # there is at least one rate
    rows[best_row]["test_accuracy"] = accuracy(tf, best.network, parts["test"], options)
    return rows
