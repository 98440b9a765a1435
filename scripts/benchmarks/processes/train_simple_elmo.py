"""Training by simple_elmo's entry point: so many batches of a text, timed, and the model they leave."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from simple_elmo import training
from simple_elmo.data import BidirectionalLMDataset

SOFTMAX = {"softmax_kernel": "W", "softmax_bias": "b"}


class Timed:
    """A data set that notes when each batch is asked for: the step before is done then."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.times: list[float] = []

    def iter_batches(self, *arguments: Any, **keywords: Any) -> Iterator[Any]:
        """The data set's own batches, to their end."""
        try:
            for batch in self._dataset.iter_batches(*arguments, **keywords):
                self.times.append(time.perf_counter())
                yield batch
        except RuntimeError as error:  # how its generator ends since Python 3.7
            if not isinstance(error.__cause__, StopIteration):
                raise


def main(corpus: str, output: str, options: dict[str, Any], n_windows: int) -> dict[str, Any]:
    """Seconds of every step; perplexity of the held-out sentences by its own test; weights to ``output``.

    ``options``: the network's, and how it is trained, as bilm-tf names them.
    """
    tf.compat.v1.disable_v2_behavior()  # without this its training does not start
    tf.compat.v1.set_random_seed(1)
    vocabulary = training.load_vocab(f"{corpus}/vocabulary.txt", options["char_cnn"]["max_characters_per_token"])
    tokens = n_windows * options["batch_size"] * options["unroll_steps"]
    options = {**options, "n_tokens_vocab": vocabulary.size, "n_epochs": 1, "n_train_tokens": tokens}
    data = Timed(BidirectionalLMDataset(f"{corpus}/train.txt", vocabulary, test=False, shuffle_on_load=False))
    Path(output).mkdir(parents=True)
    training.train(options, data, 1, output, f"{output}/log")

    tf.compat.v1.reset_default_graph()
    trained_with, checkpoint = training.load_options_latest_checkpoint(output)
    held_out = Timed(BidirectionalLMDataset(f"{corpus}/held_out.txt", vocabulary, test=True, shuffle_on_load=False))
    perplexity = training.test(trained_with, checkpoint, held_out, batch_size=options["batch_size"])

    tf.compat.v1.reset_default_graph()
    training.dump_weights(output, f"{output}/weights.hdf5")
    variables = tf.train.load_checkpoint(checkpoint)  # its dump leaves the softmax out
    softmax = {ours: variables.get_tensor(f"lm/softmax/{name}") for ours, name in SOFTMAX.items()}
    np.savez(f"{output}/softmax.npz", **softmax)
    return {
        "seconds": np.diff(data.times).tolist(),
        "perplexity": None if perplexity is None else float(perplexity),
        "n_steps": int(variables.get_tensor("global_step")),
    }
