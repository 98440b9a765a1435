"""Updates weights by their gradients: dense weights, and the few rows of a large table that a step uses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class Schedule:
    """The learning rate during a training: a linear warm-up, then constant or half a cosine down to a tenth."""

    peak: float
    warmup: float
    """Length of the warm-up as a share of the training, at most 1."""
    cosine: bool

    def rate(self, share: float) -> float:
        """Returns the rate after ``share`` (0 to 1) of the training."""
        if share < self.warmup:
            return self.peak * max(share / self.warmup, 1e-3)
        if not self.cosine:
            return self.peak
        course = (min(share, 1.0) - self.warmup) / (1 - self.warmup) if self.warmup < 1 else 1.0
        return self.peak * (0.1 + 0.9 * (1 + math.cos(math.pi * course)) / 2)


def summed_rows(gradient: tf.Tensor | tf.IndexedSlices) -> tf.Tensor | tf.IndexedSlices:
    """Returns the gradient with duplicate rows summed. A dense gradient is not changed.

    The norm of a gradient is that of these sums.
    """
    import tensorflow as tf

    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, which = tf.unique(gradient.indices)
    sums = tf.math.unsorted_segment_sum(gradient.values, which, tf.size(rows))
    return tf.IndexedSlices(sums, rows, gradient.dense_shape)


class Optimizer:
    """Base class of the optimizers: slots beside the variables, of which a step updates only the rows that it uses."""

    slots: Sequence[float]
    """The initial value of each slot of a variable."""

    def __init__(self, variables: Sequence[tf.Variable]) -> None:
        import tensorflow as tf

        self.variables = list(variables)
        self.state = [[tf.Variable(tf.fill(v.shape, value)) for value in self.slots] for v in self.variables]
        self.n_steps = tf.Variable(0, dtype=tf.int64)

    def apply(self, gradients: Sequence[tf.Tensor | tf.IndexedSlices], rate: tf.Tensor) -> None:
        """Takes one step.

        If a gradient has unique rows, it reads and writes only these rows of the variable and the slots.
        """
        import tensorflow as tf

        n = tf.cast(self.n_steps.assign_add(1), tf.float32)
        for variable, slots, gradient in zip(self.variables, self.state, gradients, strict=True):
            if isinstance(gradient, tf.IndexedSlices):
                rows = gradient.indices
                change, new = self._step(gradient.values, [tf.gather(slot, rows) for slot in slots], rate, n)
                variable.scatter_sub(tf.IndexedSlices(change, rows))
                for slot, value in zip(slots, new, strict=True):
                    slot.scatter_update(tf.IndexedSlices(value, rows))
            else:
                change, new = self._step(gradient, [slot.read_value() for slot in slots], rate, n)
                variable.assign_sub(change)
                for slot, value in zip(slots, new, strict=True):
                    slot.assign(value)

    def _step(
        self, gradient: tf.Tensor, slots: list[tf.Tensor], rate: tf.Tensor, n: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns what to subtract from the weights, and the new slots, in step ``n`` (from 1)."""
        raise NotImplementedError


class Adagrad(Optimizer):
    """Adagrad (Duchi et al. 2011), with accumulators that start at 1, as in bilm-tf."""

    slots = (1.0,)

    def _step(
        self, gradient: tf.Tensor, slots: list[tf.Tensor], rate: tf.Tensor, n: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        import tensorflow as tf

        accumulated = slots[0] + gradient**2
        return rate * gradient * tf.math.rsqrt(accumulated), [accumulated]


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015). Rows that a step does not use keep their moments ("lazy")."""

    slots = (0.0, 0.0)
    BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8

    def _step(
        self, gradient: tf.Tensor, slots: list[tf.Tensor], rate: tf.Tensor, n: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        import tensorflow as tf

        first = self.BETA_1 * slots[0] + (1 - self.BETA_1) * gradient
        second = self.BETA_2 * slots[1] + (1 - self.BETA_2) * gradient**2
        scale = rate * tf.sqrt(1 - self.BETA_2**n) / (1 - self.BETA_1**n)
        return scale * first / (tf.sqrt(second) + self.EPSILON), [first, second]


OPTIMIZERS = {"adagrad": Adagrad, "adam": Adam}
