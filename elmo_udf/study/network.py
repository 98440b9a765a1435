"""Builds the small convolutional network with TensorFlow's Keras, trains it with early stopping, and tests it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from elmo_udf.study.examples import Examples
from elmo_udf.study.options import StudyOptions

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True)
class Trained:
    """A network with the weights of its best epoch, and the course of its training."""

    network: Any
    """The ``keras.Model``."""
    n_epochs: int
    best_epoch: int
    """The number of the best epoch, from 1."""
    validation_loss: float
    """The binary cross-entropy of the best epoch in nats."""
    validation_accuracy: float


def build(tf: ModuleType, width: int, options: StudyOptions) -> Any:
    """Returns a network from tokens (B, T, width) and their mask (B, T, 1) to the probability of label 1, (B, 1).

    It has a convolution over the text (Conv1D, ReLU), the maximum over its tokens, a dense layer (ReLU) and a sigmoid.
    The output of the convolution for padding is multiplied by 0. After a ReLU, 0 never changes a maximum, so padding
    has no influence.
    """
    keras, layers = tf.keras, tf.keras.layers
    tokens, mask = keras.Input((None, width)), keras.Input((None, 1))
    x = layers.Conv1D(options.filters, options.filter_width, padding="same", activation="relu")(tokens)
    x = layers.GlobalMaxPooling1D()(layers.Multiply()([x, mask]))  # (B, filters)
    x = layers.Dense(options.dense_units, activation="relu")(x)
    if options.dropout:
        x = layers.Dropout(options.dropout)(x)
    return keras.Model([tokens, mask], layers.Dense(1, activation="sigmoid")(x))


def train(
    tf: ModuleType, training: Examples, validation: Examples, rate: float, seed: int, options: StudyOptions
) -> Trained:
    """Trains a new network with Adam and early stopping. Returns it with the weights of its best epoch.

    Training stops ``patience`` epochs after the lowest validation loss. ``seed`` determines the initial weights, the
    order of the texts, and dropout.
    """
    keras = tf.keras
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    network = build(tf, training.width, options)
    network.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping("val_loss", patience=options.patience, restore_best_weights=True)
    history = network.fit(
        _dataset(tf, training, options.batch_size, np.random.default_rng(seed)),
        validation_data=_dataset(tf, validation, options.batch_size),
        epochs=options.max_epochs,
        shuffle=False,  # the data set does it
        callbacks=[stop],
        verbose=0,
    ).history
    losses = np.nan_to_num(history["val_loss"], nan=np.inf)  # no number where training has diverged: never the best
    best, accuracies = int(np.argmin(losses)), history["val_accuracy"]
    return Trained(network, len(losses), best + 1, float(losses[best]), float(accuracies[best]))


def accuracy(tf: ModuleType, network: Any, examples: Examples, options: StudyOptions) -> float:
    """Returns the share of the texts that are classified correctly, with a threshold of one half."""
    _, share = network.evaluate(_dataset(tf, examples, options.batch_size), verbose=0)
    n_texts = len(examples.texts)
    return round(float(share) * n_texts) / n_texts  # Keras counts in float32


def _dataset(tf: ModuleType, examples: Examples, batch_size: int, random: np.random.Generator | None = None) -> Any:
    """Returns the batches as a ``tf.data.Dataset``, in a new order each time if ``random`` is given."""

    def batches() -> Iterator[tuple[tuple[np.ndarray, np.ndarray], np.ndarray]]:
        for positions in examples.batches(batch_size, random):
            tokens, mask, labels = examples.batch(positions)
            yield (tokens, mask), labels

    inputs = tf.TensorSpec((None, None, examples.width), tf.float32), tf.TensorSpec((None, None, 1), tf.float32)
    batches_of = tf.data.Dataset.from_generator(
        batches, output_signature=(inputs, tf.TensorSpec((None, 1), tf.float32))
    )
    return batches_of.apply(tf.data.experimental.assert_cardinality(examples.n_batches(batch_size)))
