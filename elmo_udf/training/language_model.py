"""The language model that is trained (Peters et al. 2018, section 3.1; Jozefowicz et al. 2016), in TensorFlow.

Sizes: V distinct tokens of a window, T steps, B streams, P projection_dim, C cell_dim, W words of the vocabulary, K
negative samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from elmo_udf.models.form import Mix, Model, NetworkOptions
from elmo_udf.network.bilm import BiLM
from elmo_udf.network.weights import DIRECTIONS
from elmo_udf.training.sampled_softmax import sampled_softmax_losses

if TYPE_CHECKING:
    import tensorflow as tf

    States = list[list[tuple[tf.Tensor, tf.Tensor]]]  # of a direction, of a layer: cell (B, C) and state (B, P)

SOFTMAX = ("softmax_kernel", "softmax_bias")
"""The names of the weights that predict words, (W, P) and (W,). Both directions share them."""


class LanguageModel:
    """The trainable weights, named as in a :class:`Model`, and the computation from tokens to loss."""

    def __init__(self, options: NetworkOptions, arrays: Mapping[str, np.ndarray], precision: str) -> None:
        """``arrays`` are those of a model with these options and of SOFTMAX. ``precision`` is that of products."""
        import tensorflow as tf

        self.options, self.precision = options, precision
        self.variables = {name: tf.Variable(array, dtype=tf.float32, name=name) for name, array in arrays.items()}
        self.n_words = len(arrays["softmax_bias"])

    def model(self, handle: str = "") -> Model:
        """Returns the network as it is now, without the weights that predict words."""
        arrays = {name: variable.numpy() for name, variable in self.variables.items() if name not in SOFTMAX}
        return Model(self.options, arrays, Mix.equal(self.options.n_layers), handle)

    def zero_states(self, n_streams: int) -> States:
        """Returns the states with which every stream starts."""
        import tensorflow as tf

        c, p = self.options.cell_dim, self.options.projection_dim
        layers = range(self.options.n_layers)
        return [[(tf.zeros((n_streams, c)), tf.zeros((n_streams, p))) for _ in layers] for _ in DIRECTIONS]

    def _product(self, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Returns x @ kernel: (..., a) to (..., b) float32. The factors have the precision of products."""
        import tensorflow as tf

        return tf.cast(tf.cast(x, self.precision) @ tf.cast(kernel, self.precision), tf.float32)

    def words(self, characters: tf.Tensor) -> tf.Tensor:
        """Returns vectors for the character ids of distinct tokens: (V, S) int32 to (V, P) float32."""
        import tensorflow as tf

        weights = {name: tf.cast(value, self.precision) for name, value in self.variables.items()}
        bilm = BiLM(self.options, Mix.equal(self.options.n_layers), weights, self.precision)
        # Row 0 stands for "no token" and must stay zero; no token has it, so nothing ever changes it.
        return bilm.word_vectors(characters)

    def read(
        self, words: tf.Tensor, tokens: tf.Tensor, starts: tf.Tensor, before: States, *, dropout: float, carry: bool
    ) -> tuple[list[list[tf.Tensor]], States]:
        """Computes both directions over a window: words (V, P), tokens (2, T, B), starts (T, B).

        Args:
            dropout: The share of a layer's inputs that are set to zero.
            carry: Whether a sentence begins with the state after the sentence before it, as in the published program.
                Otherwise it begins with zeros, as in embedding.

        Returns the LSTM layers of each direction, (T, B, P) each, and the states after the last step.
        """
        import tensorflow as tf

        going_on = tf.cast(~starts, tf.float32)[:, :, None]  # (T, B, 1)
        layers: list[list[tf.Tensor]] = []
        after: States = []
        for direction, name in enumerate(DIRECTIONS):
            x = tf.gather(words, tokens[direction])  # (T, B, P)
            layers.append([])
            after.append([])
            for i in range(self.options.n_layers):
                x = _dropped(x, dropout)
                output, state = self._layer(f"{name}_{i}", x, before[direction][i], None if carry else going_on)
                x = output + x if self.options.residual and i > 0 else output
                layers[direction].append(x)
                after[direction].append(state)
        return layers, after

    def _layer(
        self, name: str, x: tf.Tensor, before: tuple[tf.Tensor, tf.Tensor], going_on: tf.Tensor | None
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Computes an LSTM with projection (Sak et al. 2014): x (T, B, P) to states (T, B, P) and the last state."""
        import tensorflow as tf

        weights = {part: self.variables[f"{name}_{part}"] for part in ("kernel", "bias", "projection")}
        of_input, of_state = tf.split(weights["kernel"], 2)  # (P, 4C) each
        shares = self._product(x, of_input) + weights["bias"]  # (T, B, 4C): one large product for all steps
        (cell, state), states = before, []
        for t, share in enumerate(tf.unstack(shares)):
            if going_on is not None:
                cell, state = cell * going_on[t], state * going_on[t]
            i, j, f, o = tf.split(share + self._product(state, of_state), 4, axis=1)  # (B, C) each
            cell = tf.sigmoid(f + 1) * cell + tf.sigmoid(i) * tf.tanh(j)
            cell = _clipped(cell, self.options.cell_clip)
            state = self._product(tf.sigmoid(o) * tf.tanh(cell), weights["projection"])
            state = _clipped(state, self.options.projection_clip)
            states.append(state)
        return tf.stack(states), (cell, state)

    def sampled_losses(
        self, outputs: list[tf.Tensor], targets: tf.Tensor, n_drawn: int, dropout: float
    ) -> list[tf.Tensor]:
        """Returns the losses of a sampled softmax: outputs 2 x (T, B, P), targets (2, T, B) to losses 2 x (T * B,).

        Both directions share the K negative samples.
        """
        import tensorflow as tf

        kernel, bias = (self.variables[name] for name in SOFTMAX)
        inputs = _dropped(tf.reshape(tf.stack(outputs), (-1, self.options.projection_dim)), dropout)
        labels = tf.cast(tf.reshape(targets, (-1,)), tf.int64)
        losses = sampled_softmax_losses(kernel, bias, inputs, labels, min(n_drawn, self.n_words))
        of_directions: list[tf.Tensor] = tf.split(losses, len(outputs))
        return of_directions

    def full_losses(self, outputs: list[tf.Tensor], targets: tf.Tensor) -> list[tf.Tensor]:
        """Returns −log of the probability of every target (Peters et al. 2018, 3.1): 2 x (T, B, P) to 2 x (T, B)."""
        import tensorflow as tf

        kernel, bias = (self.variables[name] for name in SOFTMAX)

        def step(output_and_label: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            output, label = output_and_label  # (B, P), (B,)
            logits = tf.matmul(output, kernel, transpose_b=True) + bias  # (B, W)
            return tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits)

        # A step at a time: the logits of all words for all steps at once would not fit.
        return [
            tf.map_fn(step, (output, targets[i]), fn_output_signature=tf.float32, parallel_iterations=1)
            for i, output in enumerate(outputs)
        ]


def _dropped(x: tf.Tensor, rate: float) -> tf.Tensor:
    import tensorflow as tf

    return tf.nn.dropout(x, rate) if rate else x


def _clipped(x: tf.Tensor, bound: float | None) -> tf.Tensor:
    """Returns x limited to ±bound. The gradient passes where x was not limited."""
    import tensorflow as tf

    return x if bound is None else tf.clip_by_value(x, -bound, bound)
