"""Connects processes that train together: it sums their gradients."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any


class Alone:
    """A single process, where every sum is its own part."""

    rank, n_workers = 0, 1

    def graph(self, function: Callable[..., Any], signature: list[Any]) -> Callable[..., Any]:
        """Returns ``function`` as a graph for arguments of this ``signature``."""
        import tensorflow as tf

        graph: Callable[..., Any] = tf.function(function, input_signature=signature, autograph=False)
        return graph

    def sum(self, parts: Sequence[Any]) -> list[Any]:
        """Returns the sum over all processes of each tensor (or tf.IndexedSlices), in a graph of :meth:`graph`."""
        return list(parts)


class Together(Alone):
    """One of several processes, connected by TensorFlow's collective operations (MultiWorkerMirroredStrategy).

    Only the sums of the strategy are used. Every process has its own variables, which stay equal because all processes
    start with equal ones and take the same steps.
    """

    def __init__(self, addresses: Sequence[str], rank: int) -> None:
        """Joins the processes at ``addresses``: the host:port of each one, in the same order for all.

        This must happen before any operation of TensorFlow.
        """
        import tensorflow as tf

        self.rank, self.n_workers = rank, len(addresses)
        task = {"cluster": {"worker": list(addresses)}, "task": {"type": "worker", "index": rank}}
        os.environ["TF_CONFIG"] = json.dumps(task)
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy()

    def graph(self, function: Callable[..., Any], signature: list[Any]) -> Callable[..., Any]:
        """Returns ``function`` as a graph that all processes run at the same time."""
        return super().graph(lambda *arguments: self._strategy.run(function, args=arguments), signature)

    def sum(self, parts: Sequence[Any]) -> list[Any]:
        """Returns the sum over all processes. For rows of a table (tf.IndexedSlices), it returns the rows of all."""
        import tensorflow as tf

        context = tf.distribute.get_replica_context()

        def of_all(part: Any) -> Any:
            if isinstance(part, tf.IndexedSlices):
                return tf.IndexedSlices(context.all_gather(part.values, 0), context.all_gather(part.indices, 0))
            # The identity puts what came from outside of the graph on this process's device, where it is summed.
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(part))

        return [of_all(part) for part in parts]
