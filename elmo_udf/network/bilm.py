"""The equations of ELMo's bidirectional language model (Peters et al. 2018), in TensorFlow.

Sizes: V distinct tokens, S character positions, d character_dim, F n_filters, P projection_dim, C cell_dim, L LSTM
layers; N states of one direction in T levels, with n of them in one level (forest.py explains levels).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from elmo_udf.models.form import Mix, NetworkOptions
from elmo_udf.network.weights import GATES

if TYPE_CHECKING:
    import tensorflow as tf

    Activation = Callable[[tf.Tensor], tf.Tensor]
    States = list[tuple[tf.Tensor, tf.Tensor]]  # of each LSTM layer: cell (n, C) and state (n, P)


class BiLM:
    """The equations, applied to the weights of a model. functions.py compiles them to graphs."""

    def __init__(self, options: NetworkOptions, mix: Mix, weights: dict[str, tf.Tensor], precision: str) -> None:
        """``weights`` are given by the names of ``network_arrays``. ``precision`` is that of the products."""
        self.options, self.mix, self.weights, self.precision = options, mix, weights, precision

    def _linear(
        self, x: tf.Tensor, name: str, activation: Activation = lambda y: y, dtype: str = "float32"
    ) -> tf.Tensor:
        """Returns activation(x @ kernel + bias), which is one fused operation on a CPU: (n, a) to (n, b) ``dtype``."""
        import tensorflow as tf

        kernel, bias = self.weights[f"{name}_kernel"], self.weights[f"{name}_bias"]
        return tf.cast(activation(tf.nn.bias_add(tf.cast(x, kernel.dtype) @ kernel, bias)), dtype)

    def _product(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Returns x @ kernel: (n, a) to (n, b) float32."""
        import tensorflow as tf

        return tf.cast(tf.cast(x, self.weights[name].dtype) @ self.weights[name], tf.float32)

    # A token out of context: character CNN, highways, projection ----------------------------------------------

    def word_vectors(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns vectors for character ids: (V, S) int32 to (V, P) float32."""
        import tensorflow as tf

        w, activation = self.weights, {"relu": tf.nn.relu, "tanh": tf.tanh}[self.options.activation]
        characters = tf.gather(w["character_embedding"], ids)  # (V, S, d)
        filtered = []
        for i in range(len(self.options.filters)):
            windows = tf.nn.conv1d(characters, w[f"filter_{i}_kernel"], 1, "VALID")  # (V, S - width + 1, n_i)
            filtered.append(activation(tf.reduce_max(windows, axis=1) + w[f"filter_{i}_bias"]))  # (V, n_i)
        x = tf.cast(tf.concat(filtered, axis=1), tf.float32)  # (V, F)
        for i in range(self.options.n_highway):
            g = self._linear(x, f"highway_{i}_carry", tf.sigmoid)  # (V, F)
            x = g * self._linear(x, f"highway_{i}_transform", tf.nn.relu) + (1 - g) * x
        return self._linear(x, "projection") if self.options.project_characters else x  # (V, P)

    # Tokens in context: a language model in each direction ----------------------------------------------------

    def _gates(self, layer: str, x: tf.Tensor, state: tf.Tensor) -> list[tf.Tensor]:
        """Returns the gates i, j, f and o, each (n, C), from the input x (n, P) and the state before (n, P)."""
        import tensorflow as tf

        both = tf.concat([x, state], axis=1)  # (n, 2P)
        return [self._linear(both, f"{layer}_{gate}", _activation(gate)) for gate in GATES]

    def _first_gates(self, layer: str, words: list[tf.Tensor], token: tf.Tensor, state: tf.Tensor) -> list[tf.Tensor]:
        """Returns the same for the first layer, from each word's part of the gates: words 4 x (V, C), token (n,)."""
        import tensorflow as tf

        shares = [tf.cast(tf.gather(word, token), tf.float32) for word in words]  # 4 x (n, C)
        sums = [
            share + self._product(state, f"{layer}_{gate}_state_kernel")
            for gate, share in zip(GATES, shares, strict=True)
        ]
        return [_activation(gate)(x) for gate, x in zip(GATES, sums, strict=True)]

    def _lstm(self, layer: str, gates: list[tf.Tensor], cell: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes an LSTM with projection (Sak et al. 2014).

        From gates 4 x (n, C) and the cell before (n, C), returns the cell (n, C) and the state (n, P).
        """
        import tensorflow as tf

        i, j, f, o = gates
        cell = _clip(f * cell + i * j, self.options.cell_clip)
        return cell, _clip(self._product(o * tf.tanh(cell), f"{layer}_projection"), self.options.projection_clip)

    def read(
        self,
        direction: str,
        names: Sequence[str],
        words: tf.Tensor,
        tokens: tf.Tensor,
        parents: tf.Tensor,
        sizes: tf.Tensor,
        before: States,
    ) -> tuple[dict[str, tf.Tensor], States]:
        """Computes all layers of one direction over a forest of N states.

        Args:
            words: A float32 array, shape (V, P).
            tokens, parents: An int32 array, shape (N,).
            sizes: An int32 array, shape (T,).
            before: The states before the first level.

        Returns this direction's half of the layers ``names``, each (N, P), and the states of the last level.
        """
        import tensorflow as tf

        # A word's share in the first layer's gates is the same wherever it occurs: computed once, before the loop.
        kernels = [f"{direction}_0_{gate}_word" for gate in GATES]
        shares = [self._linear(words, name, dtype=self.precision) for name in kernels]  # 4 x (V, C)

        def level(t: tf.Tensor, start: tf.Tensor, before: Any, outputs: dict[str, tf.TensorArray]) -> tuple[Any, ...]:
            rows = slice(start, start + sizes[t])
            token, parent = tokens[rows], parents[rows]  # (n,)
            layers, after = [tf.gather(words, token)], []  # layers: word_emb, lstm_outputs1, ..., each (n, P)
            for i, (cell, state) in enumerate(before):
                cell, state = tf.gather(cell, parent), tf.gather(state, parent)  # (n, C), (n, P)
                layer, x = f"{direction}_{i}", layers[i]
                gates = self._gates(layer, x, state) if i else self._first_gates(layer, shares, token, state)
                after.append(self._lstm(layer, gates, cell))
                output = after[i][1]
                layers.append(output + x if self.options.residual and i > 0 else output)
            written = {name: outputs[name].write(t, self._layer(name, layers)) for name in names}
            return t + 1, start + sizes[t], after, written

        n_levels = tf.size(sizes)
        outputs = {
            name: tf.TensorArray(tf.float32, n_levels, infer_shape=False, element_shape=words.shape) for name in names
        }
        # A level needs the one before, so there is nothing to run in parallel: more than 1 would only hold memory.
        start = (0, 0, before, outputs)
        _, _, after, outputs = tf.while_loop(lambda t, *_: t < n_levels, level, start, parallel_iterations=1)
        return {name: outputs[name].concat() for name in names}, after

    def _layer(self, name: str, layers: list[tf.Tensor]) -> tf.Tensor:
        """Returns a named layer, computed from word_emb and the LSTM layers: (1 + L) x (n, P) to (n, P)."""
        import tensorflow as tf

        if name != "elmo":
            return layers[self.options.layer_names.index(name)]
        weights = tf.unstack(self.mix.scale * tf.nn.softmax(tf.constant(self.mix.weights)))
        return tf.add_n([weight * layer for weight, layer in zip(weights, layers, strict=True)])  # equation 1


def _activation(gate: str) -> Activation:
    """Returns the activation of a gate: tanh for the new content j, and the logistic function for i, f and o."""
    import tensorflow as tf

    activation: Activation = tf.tanh if gate == "j" else tf.sigmoid
    return activation


def _clip(x: tf.Tensor, bound: float | None) -> tf.Tensor:
    """Returns x limited to ±bound, or unchanged if the model has no bound."""
    import tensorflow as tf

    return x if bound is None else tf.raw_ops.ClipByValue(t=x, clip_value_min=-bound, clip_value_max=bound)
