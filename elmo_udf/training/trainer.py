"""Computes one training step and the perplexity on the validation set, as graphs that are traced once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from elmo_udf.network.words import needed_positions
from elmo_udf.training.cluster import Alone
from elmo_udf.training.language_model import LanguageModel
from elmo_udf.training.optimizer import OPTIMIZERS, summed_rows
from elmo_udf.training.options import TrainOptions
from elmo_udf.training.windows import Window

if TYPE_CHECKING:
    import tensorflow as tf


SHORT = 0.9
"""Share of a window's distinct tokens that are treated as short."""


class Trainer:
    """A language model with its optimizer, and with the states that it carries from window to window."""

    def __init__(self, model: LanguageModel, options: TrainOptions, cluster: Alone) -> None:
        """Creates the variables of the optimizer and of the states. The graphs are created at the first call."""
        import tensorflow as tf

        self.model, self._options, self._cluster = model, options, cluster
        self.optimizer = OPTIMIZERS[options.optimizer](list(model.variables.values()))
        self.states = [
            [tuple(tf.Variable(part) for part in layer) for layer in direction]
            for direction in model.zero_states(options.n_streams)
        ]
        self._widest_filter = max(width for width, _ in model.options.filters)
        window, states = self._signature()
        self._step = cluster.graph(self._traced_step, [window, tf.TensorSpec([2], tf.float32)])
        self._losses = Alone().graph(self._traced_losses, [window, states])
        self._sum = cluster.graph(lambda part: cluster.sum([part])[0], [tf.TensorSpec([], tf.float32)])

    def _signature(self) -> tuple[dict[str, tf.TensorSpec], Any]:
        """Returns the signature of a window of :meth:`_tensors`, for any number of tokens, and of the states."""
        import tensorflow as tf

        size = [self._options.n_steps, self._options.n_streams]
        window = {
            "short": tf.TensorSpec([None, None], tf.int32),
            "long": tf.TensorSpec([None, None], tf.int32),
            "tokens": tf.TensorSpec([2, *size], tf.int32),
            "targets": tf.TensorSpec([2, *size], tf.int32),
            "starts": tf.TensorSpec(size, tf.bool),
            "counts": tf.TensorSpec(size, tf.bool),
        }
        return window, tf.nest.map_structure(lambda state: tf.TensorSpec(state.shape, tf.float32), self.states)

    def step(self, window: Window, rate: float, is_last: bool) -> tuple[np.ndarray, bool]:
        """Trains on one window of every process. ``rate`` and ``is_last`` are those of the first process.

        Returns the mean sampled loss of each direction before the step, (2,) float32, and the first process's
        ``is_last``.
        """
        told = np.array([rate, is_last] if self._cluster.rank == 0 else [0, 0], np.float32)
        losses, last = self._step(self._tensors(window), told)
        return losses.numpy(), bool(last.numpy())

    def agree(self, said: bool) -> bool:
        """Returns the value of the first process. All processes call this at the same time."""
        return bool(self._sum(np.float32(said and self._cluster.rank == 0)).numpy())

    def perplexity(self, windows: Iterable[Window]) -> np.ndarray:
        """Returns both perplexities: exp of the mean −log probability of the next token, (2,) float64.

        ``windows`` have the same size as in training. The probability is over all words of the vocabulary. Every
        sentence starts from zero state, without dropout, as in embedding.
        """
        total, n, states = np.zeros(2), 0, self.model.zero_states(self._options.n_streams)
        for window in windows:
            losses, states = self._losses(self._tensors(window), states)
            total += losses.numpy()
            n += int(window.counts.sum())
        return np.exp(total / max(n, 1))

    def _tensors(self, window: Window) -> dict[str, tf.Tensor]:
        import tensorflow as tf

        # Positions that only padding reaches change nothing, and most tokens are short: the long ones go apart.
        needed = needed_positions(window.characters, self._widest_filter)
        order = np.argsort(needed, kind="stable")
        # TensorFlow's convolution takes no empty batch; there are always the two marks.
        short, long = np.split(order, [min(round(len(order) * SHORT), len(order) - 1)])
        parts = {
            "short": window.characters[short, : needed[short].max(initial=self._widest_filter)],
            "long": window.characters[long, : needed[long].max(initial=self._widest_filter)],
            "tokens": np.argsort(order).astype(np.int32)[window.tokens],
            "targets": window.targets,
            "starts": window.starts,
            "counts": window.counts,
        }
        return {name: tf.convert_to_tensor(part) for name, part in parts.items()}

    def _read(self, window: dict[str, tf.Tensor], before: Any, dropout: float, carry: bool) -> Any:
        """Returns the upper layer of each direction, 2 x (T, B, P), and the states after the window."""
        import tensorflow as tf

        words = tf.concat([self.model.words(window["short"]), self.model.words(window["long"])], axis=0)
        layers, after = self.model.read(words, window["tokens"], window["starts"], before, dropout=dropout, carry=carry)
        return [direction[-1] for direction in layers], after

    def _traced_step(self, window: dict[str, tf.Tensor], told: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        import tensorflow as tf

        options, n_workers = self._options, self._cluster.n_workers
        with tf.GradientTape() as tape:
            outputs, after = self._read(window, self.states, options.dropout, options.carry_state)
            sampled = self.model.sampled_losses(outputs, window["targets"], options.n_sampled_words, options.dropout)
            counted = tf.cast(tf.reshape(window["counts"], (-1,)), tf.float32)  # (T * B,)
            losses = [tf.reduce_sum(loss * counted) / tf.reduce_sum(counted) for loss in sampled]
            # The sum over the steps of a window, as bilm-tf has it: Adagrad and the clip know its scale.
            loss = options.n_steps * tf.add_n(losses) / len(losses) / n_workers
        gradients = tape.gradient(loss, self.optimizer.variables)
        told, mean_losses, *gradients = self._cluster.sum([told, tf.stack(losses) / n_workers, *gradients])
        gradients, _ = tf.clip_by_global_norm([summed_rows(one) for one in gradients], options.max_gradient_norm)
        self.optimizer.apply(gradients, rate=told[0])
        for variable, value in zip(tf.nest.flatten(self.states), tf.nest.flatten(after), strict=True):
            variable.assign(value)
        return mean_losses, told[1]

    def _traced_losses(self, window: dict[str, tf.Tensor], before: Any) -> tuple[tf.Tensor, Any]:
        import tensorflow as tf

        outputs, after = self._read(window, before, dropout=0.0, carry=False)
        losses = self.model.full_losses(outputs, window["targets"])  # 2 x (T, B)
        return tf.stack([tf.reduce_sum(tf.where(window["counts"], loss, 0.0)) for loss in losses]), after
