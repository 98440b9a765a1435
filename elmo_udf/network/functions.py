"""The equations as TensorFlow runs them: graphs, traced once, with every size open that differs between batches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from elmo_udf.models.form import Model
from elmo_udf.network.bilm import BiLM

if TYPE_CHECKING:
    from tensorflow.types.experimental import PolymorphicFunction


class Functions:
    """``word_vectors`` and :meth:`reader`: the methods of a BiLM, as graphs."""

    def __init__(self, model: Model, precision: str) -> None:
        """``precision`` as of :class:`BiLM`."""
        import tensorflow as tf

        self._bilm = BiLM(model, precision)
        ids = tf.TensorSpec([None, None], tf.int32)
        self.word_vectors = tf.function(self._bilm.word_vectors, input_signature=[ids], autograph=False)
        self._readers: dict[tuple[str, tuple[str, ...]], PolymorphicFunction] = {}

    def reader(self, direction: str, names: Sequence[str]) -> PolymorphicFunction:
        """:meth:`BiLM.read` for one direction and the layers ``names``; ``before`` has :meth:`depth` entries."""
        import tensorflow as tf

        key = (direction, tuple(names))
        if key not in self._readers:
            p, c = self._bilm.options.projection_dim, self._bilm.options.cell_dim
            words, before = tf.TensorSpec([None, p]), [(tf.TensorSpec([None, c]), tf.TensorSpec([None, p]))]
            signature = [words, *[tf.TensorSpec([None], tf.int32)] * 3, before * self.depth(names)]
            read = partial(self._bilm.read, *key)
            self._readers[key] = tf.function(read, input_signature=signature, autograph=False)
        return self._readers[key]

    def depth(self, names: Sequence[str]) -> int:
        """Number of LSTM layers that the layers ``names`` need: all of them for ``elmo``, or for no name at all."""
        known = self._bilm.options.layer_names
        if not names or "elmo" in names:
            return len(known) - 1
        return max(known.index(name) for name in names)

    def n_traces(self) -> int:
        """How often TensorFlow has traced a function: once for each, whatever it was called with."""
        return sum(f.experimental_get_tracing_count() for f in (self.word_vectors, *self._readers.values()))
