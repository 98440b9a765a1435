"""Compiles the equations to TensorFlow graphs. Each is traced once, for all sizes that differ between batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from elmo_udf.models.form import Model
from elmo_udf.network.bilm import BiLM
from elmo_udf.network.weights import network_arrays

if TYPE_CHECKING:
    from tensorflow.types.experimental import PolymorphicFunction


class Functions:
    """The methods of a BiLM as graphs: ``word_vectors`` and :meth:`reader`."""

    def __init__(self, model: Model, precision: str) -> None:
        """``precision`` is the type of the weights on the device, and of the products with them."""
        import tensorflow as tf

        weights = {name: tf.constant(array, dtype=precision) for name, array in network_arrays(model)}
        self._bilm = BiLM(model.options, model.mix, weights, precision)
        self.n_traces = 0
        """How often TensorFlow has traced a function: once for each function, whatever its arguments."""
        self.word_vectors = self._graph(self._bilm.word_vectors, [tf.TensorSpec([None, None], tf.int32)])
        self._readers: dict[tuple[str, tuple[str, ...]], PolymorphicFunction] = {}

    def reader(self, direction: str, names: Sequence[str]) -> PolymorphicFunction:
        """Returns :meth:`BiLM.read` for one direction and layers ``names``. ``before`` has :meth:`depth` entries."""
        import tensorflow as tf

        key = (direction, tuple(names))
        if key not in self._readers:
            p, c = self._bilm.options.projection_dim, self._bilm.options.cell_dim
            words, before = tf.TensorSpec([None, p]), [(tf.TensorSpec([None, c]), tf.TensorSpec([None, p]))]
            signature = [words, *[tf.TensorSpec([None], tf.int32)] * 3, before * self.depth(names)]
            self._readers[key] = self._graph(partial(self._bilm.read, *key), signature)
        return self._readers[key]

    def _graph(self, function: Callable[..., Any], signature: list[Any]) -> PolymorphicFunction:
        """Returns ``function`` as a graph for all arguments of ``signature``.

        Its Python code only runs when it is traced.
        """
        import tensorflow as tf

        def traced(function: Callable[..., Any], *arguments: Any) -> Any:
            self.n_traces += 1
            return function(*arguments)

        # TensorFlow warns of retracing by the code of a function, which all of these share; a partial has none.
        return tf.function(partial(traced, function), input_signature=signature, autograph=False)

    def depth(self, names: Sequence[str]) -> int:
        """Returns the number of LSTM layers that ``names`` need: all of them for ``elmo``, or if there is no name."""
        known = self._bilm.options.layer_names
        if not names or "elmo" in names:
            return len(known) - 1
        return max(known.index(name) for name in names)
