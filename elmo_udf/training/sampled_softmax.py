"""Computes the sampled softmax (Jean et al. 2015), which compares the right word with some negative samples.

The values equal those of ``tf.nn.sampled_softmax_loss``, which reads or writes the matrix of all tokens times all
samples ten times. Here it is written once, as probabilities, and read by the two products of the gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf


def sampled_softmax_losses(
    kernel: tf.Variable, bias: tf.Variable, inputs: tf.Tensor, labels: tf.Tensor, n_drawn: int
) -> tf.Tensor:
    """Returns the losses (N,) for kernel (W, P), bias (W,), inputs (N, P) and labels (N,) int64.

    It draws ``n_drawn`` different words from a log-uniform distribution over the ranks of frequency, once for all
    inputs.
    """
    import tensorflow as tf

    n_labels, n_words = tf.shape(labels)[0], kernel.shape[0]
    drawn, of_labels, of_drawn = tf.random.log_uniform_candidate_sampler(
        labels[:, None], num_true=1, num_sampled=n_drawn, unique=True, range_max=n_words
    )
    words = tf.concat([labels, drawn], axis=0)
    rows = tf.gather(kernel, words)  # one gather, so that the gradient has each row's parts together
    # A logit is corrected by how often its word is expected to be among those drawn.
    biases = tf.gather(bias, words) - tf.math.log(tf.concat([of_labels[:, 0], of_drawn], axis=0))
    right = tf.reduce_sum(inputs * rows[:n_labels], axis=1) + biases[:n_labels]  # (N,)
    among = log_sum_exp(inputs, rows[n_labels:], biases[n_labels:])  # (N,)
    is_drawn = tf.scatter_nd(drawn[:, None], tf.ones_like(drawn), [n_words])
    # A label that was drawn is in the sum already; its logit there is the same.
    with_right = tf.where(tf.gather(is_drawn, labels) > 0, among, tf.reduce_logsumexp(tf.stack([among, right]), axis=0))
    return with_right - right


def log_sum_exp(inputs: tf.Tensor, rows: tf.Tensor, biases: tf.Tensor) -> tf.Tensor:
    """Returns log Σ_k exp(inputs · rows_k + biases_k): inputs (N, P), rows (K, P), biases (K,) to (N,)."""
    import tensorflow as tf

    def of(inputs: tf.Tensor, rows: tf.Tensor, biases: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
        logits = tf.nn.bias_add(tf.matmul(inputs, rows, transpose_b=True), biases)  # (N, K)
        shares = tf.nn.softmax(logits)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
            scaled = upstream[:, None] * inputs
            return (
                upstream[:, None] * tf.matmul(shares, rows),
                tf.matmul(shares, scaled, transpose_a=True),
                tf.linalg.matvec(shares, upstream, transpose_a=True),
            )

        return tf.reduce_max(logits, axis=1) - tf.math.log(tf.reduce_max(shares, axis=1)), gradient

    result: tf.Tensor = tf.custom_gradient(of)(inputs, rows, biases)
    return result
