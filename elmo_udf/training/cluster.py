"""Processes that train together: what each learns from its own streams is summed over all of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any


class Alone:
    """One process: every sum is its own part."""

    rank, n_workers = 0, 1

    def graph(self, function: Callable[..., Any], signature: list[Any]) -> Callable[..., Any]:
        """``function`` as a graph for arguments of this ``signature``."""
        import tensorflow as tf

        graph: Callable[..., Any] = tf.function(function, input_signature=signature, autograph=False)
        return graph

    def sum(self, parts: Sequence[Any]) -> list[Any]:
        """The sum over all processes of each tensor (or tf.IndexedSlices), inside a graph of :meth:`graph`."""
        return list(parts)


class Together(Alone):
    """One of several processes, joined by TensorFlow's collective operations (MultiWorkerMirroredStrategy).

    Only its sums are used: every process has variables of its own, which start equal and stay equal, because each
    takes the same step.
    """

    def __init__(self, addresses: Sequence[str], rank: int) -> None:
        """``addresses``: host:port of every process, in the same order for all. Before any operation of TensorFlow."""
        import tensorflow as tf

        self.rank, self.n_workers = rank, len(addresses)
        task = {"cluster": {"worker": list(addresses)}, "task": {"type": "worker", "index": rank}}
        os.environ["TF_CONFIG"] = json.dumps(task)
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy()

    def graph(self, function: Callable[..., Any], signature: list[Any]) -> Callable[..., Any]:
        """``function`` as a graph that all processes run at the same time."""
        return super().graph(lambda *arguments: self._strategy.run(function, args=arguments), signature)

    def sum(self, parts: Sequence[Any]) -> list[Any]:
        """The sum over all processes; of rows of a table (tf.IndexedSlices) the rows of all."""
        import tensorflow as tf

        context = tf.distribute.get_replica_context()

        def of_all(part: Any) -> Any:
            if isinstance(part, tf.IndexedSlices):
                return tf.IndexedSlices(context.all_gather(part.values, 0), context.all_gather(part.indices, 0))
            # The identity puts what came from outside of the graph on this process's device, where it is summed.
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(part))

        return [of_all(part) for part in parts]
