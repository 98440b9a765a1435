"""The small convolutional network, in the Keras of TensorFlow: built, trained with early stopping, and scored."""

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
    """A network with the weights of its best epoch, and how it got there."""

    network: Any
    """A ``keras.Model``."""
    n_epochs: int
    best_epoch: int
    """From 1."""
    validation_loss: float
    """Binary cross-entropy, in nats, of the best epoch."""
    validation_accuracy: float


def build(tf: ModuleType, width: int, options: StudyOptions) -> Any:
    """Tokens (B, T, width) and their mask (B, T, 1) to the probability of label 1, (B, 1).

    Convolution over the text (Conv1D, relu), the maximum over its tokens, a dense layer (relu), a sigmoid. What the
    convolution makes of padding is multiplied by 0, which after relu is never more than a maximum: padding has no say.
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
    """Train a new network with Adam; stop ``patience`` epochs after the least validation loss and go back to it.

    First weights, the order of training and dropout come from ``seed``.
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
    """Share of the texts whose label has a probability above one half."""
    _, share = network.evaluate(_dataset(tf, examples, options.batch_size), verbose=0)
    n_texts = len(examples.texts)
    return round(float(share) * n_texts) / n_texts  # Keras counts in float32


def _dataset(tf: ModuleType, examples: Examples, batch_size: int, random: np.random.Generator | None = None) -> Any:
    """The batches as a ``tf.data.Dataset``, in another order every time where ``random`` is given."""

    def batches() -> Iterator[tuple[tuple[np.ndarray, np.ndarray], np.ndarray]]:
        for positions in examples.batches(batch_size, random):
            tokens, mask, labels = examples.batch(positions)
            yield (tokens, mask), labels

    inputs = tf.TensorSpec((None, None, examples.width), tf.float32), tf.TensorSpec((None, None, 1), tf.float32)
    batches_of = tf.data.Dataset.from_generator(
        batches, output_signature=(inputs, tf.TensorSpec((None, 1), tf.float32))
    )
    return batches_of.apply(tf.data.experimental.assert_cardinality(examples.n_batches(batch_size)))
