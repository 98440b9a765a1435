"""The equations of ELMo's bidirectional language model (Peters et al. 2018), in TensorFlow.

Sizes: V distinct tokens, S character positions, d character_dim, F n_filters, P projection_dim, C cell_dim,
L LSTM layers; N states of one direction in T levels, n of them in one level (forest.py says what a level is).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from elmo_udf.models.form import Model

if TYPE_CHECKING:
    import tensorflow as tf

    State = list[tuple[tf.Tensor, tf.Tensor]]  # of each LSTM layer: cell (n, C) and state (n, P)

DIRECTIONS = ("forward", "backward")


class BiLM:
    """The weights of a model, on the device, and the functions over them.

    Each is traced once, whatever comes: all sizes that differ between batches are open in their signatures.
    """

    def __init__(self, model: Model, precision: str) -> None:
        """``precision`` of the weights and of the products with them; all else is float32."""
        import tensorflow as tf

        self.options, self.mix = model.options, model.mix
        self.weights = {
            name: tf.constant(array, dtype=precision if name.endswith(("kernel", "projection")) else tf.float32)
            for name, array in model.arrays.items()
        }
        ids = tf.TensorSpec([None, None], tf.int32)
        self.word_vectors = tf.function(self._word_vectors, input_signature=[ids], autograph=False)
        self._readers: dict[tuple[str, tuple[str, ...]], tf.types.experimental.PolymorphicFunction] = {}

    # A token out of context: character CNN, highways, projection ----------------------------------------------

    def _word_vectors(self, ids: tf.Tensor) -> tf.Tensor:
        """Character ids (V, S) int32 -> vectors (V, P)."""
        import tensorflow as tf

        w, activation = self.weights, {"relu": tf.nn.relu, "tanh": tf.tanh}[self.options.activation]
        characters = tf.gather(w["character_embedding"], ids)  # (V, S, d)
        filtered = []
        for i in range(len(self.options.filters)):
            kernel = w[f"filter_{i}_kernel"]  # (width, d, n)
            windows = tf.nn.conv1d(tf.cast(characters, kernel.dtype), kernel, 1, "VALID")  # (V, S - width + 1, n)
            highest = tf.cast(tf.reduce_max(windows, axis=1), tf.float32)  # (V, n)
            filtered.append(activation(highest + w[f"filter_{i}_bias"]))
        x = tf.concat(filtered, axis=1)  # (V, F)
        for i in range(self.options.n_highway):
            gate = tf.sigmoid(_product(x, w[f"highway_{i}_carry_kernel"]) + w[f"highway_{i}_carry_bias"])  # (V, F)
            new = tf.nn.relu(_product(x, w[f"highway_{i}_transform_kernel"]) + w[f"highway_{i}_transform_bias"])
            x = gate * new + (1 - gate) * x
        if self.options.project_characters:
            x = _product(x, w["projection_kernel"]) + w["projection_bias"]  # (V, P)
        return x

    # Tokens in context: a language model in each direction ----------------------------------------------------

    def _lstm(self, weights: str, gates: tf.Tensor, cell: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """LSTM with projection (Sak et al. 2014), forget bias 1: gates (n, 4C), cell (n, C) -> cell, state (n, P)."""
        import tensorflow as tf

        i, j, f, o = tf.split(gates + self.weights[f"{weights}_bias"], 4, axis=1)  # (n, C)
        cell = _clip(tf.sigmoid(f + 1) * cell + tf.sigmoid(i) * tf.tanh(j), self.options.cell_clip)
        state = _product(tf.sigmoid(o) * tf.tanh(cell), self.weights[f"{weights}_projection"])
        return cell, _clip(state, self.options.projection_clip)

    def _read(
        self,
        direction: str,
        names: Sequence[str],
        words: tf.Tensor,
        tokens: tf.Tensor,
        parents: tf.Tensor,
        sizes: tf.Tensor,
        before: State,
    ) -> tuple[dict[str, tf.Tensor], State]:
        """One direction, all its layers, over a forest of N states.

        words (V, P) float32; tokens (N,), parents (N,), sizes (T,) int32; before: what the first level's parents are
        rows of.
        Returns this direction's half of the layers ``names``, each (N, P), and the states of the last level.
        """
        import tensorflow as tf

        # The first layer's product with a word is the same wherever the word occurs: it is made once, before the loop.
        word_kernel, state_kernel = tf.split(self.weights[f"{direction}_0_kernel"], 2)  # (P, 4C) each
        word_gates = _product(words, word_kernel)  # (V, 4C)

        def level(t, start, before, outputs):  # type: ignore[no-untyped-def]
            rows = slice(start, start + sizes[t])
            token, parent = tokens[rows], parents[rows]  # (n,)
            before = [(tf.gather(cell, parent), tf.gather(state, parent)) for cell, state in before]
            layers, after = [tf.gather(words, token)], []  # layers: word_emb, lstm_outputs1, ..., each (n, P)
            for i, (cell, state) in enumerate(before):
                if i == 0:
                    gates = tf.gather(word_gates, token) + _product(state, state_kernel)  # (n, 4C)
                else:
                    kernel = self.weights[f"{direction}_{i}_kernel"]
                    gates = _product(tf.concat([layers[i], state], axis=1), kernel)
                after.append(self._lstm(f"{direction}_{i}", gates, cell))
                output = after[i][1]
                layers.append(output + layers[i] if self.options.residual and i > 0 else output)
            written = {name: outputs[name].write(t, self._layer(name, layers)) for name in names}
            return t + 1, start + sizes[t], after, written

        n_levels = tf.size(sizes)
        outputs = {
            name: tf.TensorArray(tf.float32, n_levels, infer_shape=False, element_shape=words.shape) for name in names
        }
        _, _, after, outputs = tf.while_loop(lambda t, *_: t < n_levels, level, (0, 0, before, outputs))
        return {name: outputs[name].concat() for name in names}, after

    def reader(self, direction: str, names: Sequence[str]) -> tf.types.experimental.PolymorphicFunction:
        """:meth:`_read` for one direction and the layers ``names``, as deep as these layers need."""
        import tensorflow as tf

        key = (direction, tuple(names))
        if key not in self._readers:
            p, c, depth = self.options.projection_dim, self.options.cell_dim, self.depth(names)
            words, states = tf.TensorSpec([None, p]), [(tf.TensorSpec([None, c]), tf.TensorSpec([None, p]))] * depth
            signature = [words, *[tf.TensorSpec([None], tf.int32)] * 3, states]
            self._readers[key] = tf.function(partial(self._read, *key), input_signature=signature, autograph=False)
        return self._readers[key]

    def n_traces(self) -> int:
        """How often TensorFlow has traced the functions: once each, if shapes do not matter."""
        return sum(f.experimental_get_tracing_count() for f in (self.word_vectors, *self._readers.values()))

    def depth(self, names: Sequence[str]) -> int:
        """Number of LSTM layers that the layers ``names`` need; all of them for the mix, or for no name at all."""
        order = self.options.layer_names
        return max(
            (order.index(name) if name in order else self.options.n_layers for name in names), default=len(order) - 1
        )

    def _layer(self, name: str, layers: list[tf.Tensor]) -> tf.Tensor:
        """A named layer, from word_emb and the LSTM layers: (1 + L) x (n, P) -> (n, P)."""
        import tensorflow as tf

        if name != "elmo":
            return layers[self.options.layer_names.index(name)]
        weights = tf.unstack(self.mix.scale * tf.nn.softmax(tf.constant(self.mix.weights)))
        return tf.add_n([weight * layer for weight, layer in zip(weights, layers, strict=True)])  # equation 1


def _product(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """x @ kernel in the kernel's precision: (n, a) float32, (a, b) -> (n, b) float32."""
    import tensorflow as tf

    return tf.cast(tf.cast(x, kernel.dtype) @ kernel, tf.float32)


def _clip(x: tf.Tensor, bound: float | None) -> tf.Tensor:
    """x within ±bound, or as it is where the model has no bound."""
    import tensorflow as tf

    return x if bound is None else tf.clip_by_value(x, -bound, bound)
