"""Writes ELMo SavedModels with TensorFlow, in both formats, whose signatures run: what TF-Hub publishes, in small.

The network here is plain TensorFlow, written for these files: it shares nothing with the engine but the weights.
Unlike the published graph it starts every sentence from zero state.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from elmo_udf.models.form import Model
from tests.model_files import hdf5_variables

CELL_NAMES = {  # in a weights file and in a checkpoint
    "LSTMCell/W_0": "rnn/lstm_cell/kernel",
    "LSTMCell/B": "rnn/lstm_cell/bias",
    "LSTMCell/W_P_0": "rnn/lstm_cell/projection/kernel",
}


def variables(model: Model) -> dict[str, np.ndarray]:
    """Name and value of every variable of a TF-Hub model: char_embed with 262 rows, and the mix."""
    result = {}
    for name, value in hdf5_variables(model).items():
        for in_file, in_checkpoint in CELL_NAMES.items():
            name = name.replace(in_file, in_checkpoint)
        result[f"bilm/{name}"] = value
    result["bilm/char_embed"] = model.arrays["character_embedding"]
    result["aggregation/weights"] = np.array(model.mix.weights, np.float32)
    result["aggregation/scaling"] = np.array(model.mix.scale, np.float32)
    return result


def write_variables(values: dict[str, np.ndarray], folder: Path) -> Path:
    """``folder``, made, with a SavedModel of TensorFlow 2 that has these variables and nothing that runs."""
    import tensorflow as tf

    module = tf.Module()
    module.kept = [tf.Variable(value, name=name) for name, value in values.items()]
    tf.saved_model.save(module, str(folder))
    return folder


def write_tf2(model: Model, folder: Path, prefix: str = "") -> Path:
    """``folder``, made, with a SavedModel of TensorFlow 2: an object graph whose checkpoint keys say nothing."""
    import tensorflow as tf

    weights = {name: tf.Variable(value, name=prefix + name) for name, value in variables(model).items()}
    module = tf.Module()
    module.kept = list(weights.values())

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "strings")])
    def default(strings: Any) -> dict[str, Any]:
        return elmo(weights, *split(strings))

    words, lengths = tf.TensorSpec([None, None], tf.string, "tokens"), tf.TensorSpec([None], tf.int32, "sequence_len")

    @tf.function(input_signature=[words, lengths])
    def tokens(tokens: Any, sequence_len: Any) -> dict[str, Any]:
        return elmo(weights, tokens, sequence_len)

    tf.saved_model.save(module, str(folder), signatures={"default": default, "tokens": tokens})
    return folder


def write_tf1(model: Model, folder: Path, prefix: str = "") -> Path:
    """``folder``, which must not exist, with a SavedModel of TensorFlow 1, with the tag sets {} and {serve}."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        weights = {
            name: v1.get_variable(prefix + name, initializer=tf.constant(value), use_resource=True)
            for name, value in variables(model).items()
        }
        strings = v1.placeholder(tf.string, [None], "strings")
        words, lengths = v1.placeholder(tf.string, [None, None], "tokens"), v1.placeholder(tf.int32, [None], "lengths")
        define = v1.saved_model.signature_def_utils.predict_signature_def
        signatures = {
            "default": define({"strings": strings}, elmo(weights, *split(strings))),
            "tokens": define({"tokens": words, "sequence_len": lengths}, elmo(weights, words, lengths)),
        }
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.builder.SavedModelBuilder(str(folder))
        builder.add_meta_graph_and_variables(session, [], signatures)
        builder.add_meta_graph(["serve"], signatures)
        builder.save()
    return folder


def split(strings: Any) -> tuple[Any, Any]:
    """Tokens between runs of spaces: (B,) strings -> (B, T) strings, padded with "", and (B,) int32 lengths."""
    import tensorflow as tf

    ragged = tf.strings.split(strings, " ")
    ragged = tf.ragged.boolean_mask(ragged, tf.not_equal(ragged, ""))
    return ragged.to_tensor(""), tf.cast(ragged.row_lengths(), tf.int32)


def elmo(weights: dict[str, Any], tokens: Any, lengths: Any) -> dict[str, Any]:
    """Outputs of a TF-Hub ELMo: (B, T) strings, (B,) int32 -> layers (B, T, width) and ``default`` (B, 2P)."""
    import tensorflow as tf

    words = word_vectors(weights, sentence_ids(tokens, lengths))  # (B, T + 2, P)
    forward = lstm_layers(weights, 0, words)
    backward = [
        tf.reverse_sequence(layer, lengths + 2, seq_axis=1)
        for layer in lstm_layers(weights, 1, tf.reverse_sequence(words, lengths + 2, seq_axis=1))
    ]
    contextual = [tf.concat(pair, 2) for pair in zip(forward, backward, strict=True)]  # each (B, T + 2, 2P)
    shares = tf.nn.softmax(weights["aggregation/weights"])
    layers = [tf.concat([words, words], 2), *contextual]
    mixed = weights["aggregation/scaling"] * sum(shares[i] * layer for i, layer in enumerate(layers))

    outputs = {
        "word_emb": words,
        **{f"lstm_outputs{i + 1}": layer for i, layer in enumerate(contextual)},
        "elmo": mixed,
    }
    inside = tf.cast(tf.sequence_mask(lengths, tf.shape(tokens)[1]), tf.float32)[:, :, tf.newaxis]  # (B, T, 1)
    outputs = {name: value[:, 1:-1] * inside for name, value in outputs.items()}
    n_tokens = tf.cast(lengths, tf.float32)[:, tf.newaxis]
    outputs["default"] = tf.math.divide_no_nan(tf.reduce_sum(outputs["elmo"], 1), n_tokens)
    return outputs


def sentence_ids(tokens: Any, lengths: Any) -> Any:
    """Character ids with the marks of the sentence: (B, T) strings, (B,) -> (B, T + 2, 50) int32, 0 behind the end."""
    import tensorflow as tf

    # tf.equal, because == compares identities in a graph of TensorFlow 1
    n_bytes = tf.minimum(tf.strings.length(tokens, "BYTE"), 48)[:, :, tf.newaxis]  # (B, T, 1)
    content = tf.cast(tf.io.decode_raw(tokens, tf.uint8, fixed_length=48), tf.int32)  # (B, T, 48)
    content, position = tf.pad(content, [[0, 0], [0, 0], [1, 1]]), tf.range(50)
    ids = tf.where(position <= n_bytes, content, tf.where(tf.equal(position, n_bytes + 1), 259, 260))
    ids = tf.where(tf.equal(position, 0), 258, ids) + 1
    inside = tf.sequence_mask(lengths, tf.shape(tokens)[1])[:, :, tf.newaxis]
    ids = tf.pad(tf.where(inside, ids, 0), [[0, 0], [1, 1], [0, 0]])  # (B, T + 2, 50)

    begin, end = (tf.constant([258, mark, 259] + [260] * 47) + 1 for mark in (256, 257))
    place, last = tf.range(tf.shape(ids)[1])[tf.newaxis, :, tf.newaxis], lengths[:, tf.newaxis, tf.newaxis] + 1
    return tf.where(tf.equal(place, 0), begin, tf.where(tf.equal(place, last), end, ids))


def word_vectors(weights: dict[str, Any], ids: Any) -> Any:
    """Tokens out of context: (B, T, 50) -> (B, T, P)."""
    import tensorflow as tf

    characters = tf.nn.embedding_lookup(weights["bilm/char_embed"], tf.reshape(ids, [-1, 1, 50]))  # (N, 1, 50, d)
    convolved, i = [], 0
    while f"bilm/CNN/W_cnn_{i}" in weights:
        kernel = tf.convert_to_tensor(weights[f"bilm/CNN/W_cnn_{i}"])
        responses = tf.nn.conv2d(characters, kernel, 1, "VALID") + weights[f"bilm/CNN/b_cnn_{i}"]  # (N, 1, windows, n)
        convolved.append(tf.nn.relu(tf.reduce_max(responses, [1, 2])))
        i += 1
    x, i = tf.concat(convolved, 1), 0  # (N, F)
    while f"bilm/CNN_high_{i}/W_carry" in weights:
        high = {
            name: weights[f"bilm/CNN_high_{i}/{name}"] for name in ("W_carry", "b_carry", "W_transform", "b_transform")
        }
        gate = tf.sigmoid(tf.matmul(x, high["W_carry"]) + high["b_carry"])
        x = gate * tf.nn.relu(tf.matmul(x, high["W_transform"]) + high["b_transform"]) + (1 - gate) * x
        i += 1
    if "bilm/CNN_proj/W_proj" in weights:
        x = tf.matmul(x, weights["bilm/CNN_proj/W_proj"]) + weights["bilm/CNN_proj/b_proj"]
    return tf.reshape(x, tf.concat([tf.shape(ids)[:2], [-1]], 0))


def lstm_layers(weights: dict[str, Any], rnn: int, words: Any) -> list[Any]:
    """Layers of one direction, in the order it reads: (B, T, P) -> n_layers x (B, T, P). Padding is read last."""
    import tensorflow as tf

    inputs, layers, i = tf.transpose(words, [1, 0, 2]), [], 0  # (T, B, P)
    while f"bilm/RNN_{rnn}/RNN/MultiRNNCell/Cell{i}/rnn/lstm_cell/kernel" in weights:
        cell_name = f"bilm/RNN_{rnn}/RNN/MultiRNNCell/Cell{i}/rnn/lstm_cell"
        kernel, bias, projection = (weights[f"{cell_name}/{name}"] for name in ("kernel", "bias", "projection/kernel"))

        def step(
            before: tuple[Any, Any], x: Any, kernel: Any = kernel, bias: Any = bias, projection: Any = projection
        ) -> tuple[Any, Any]:
            cell, state = before
            i, j, f, o = tf.split(tf.matmul(tf.concat([x, state], 1), kernel) + bias, 4, 1)
            cell = tf.clip_by_value(tf.sigmoid(f + 1) * cell + tf.sigmoid(i) * tf.tanh(j), -3, 3)
            return cell, tf.clip_by_value(tf.matmul(tf.sigmoid(o) * tf.tanh(cell), projection), -3, 3)

        n_sentences = tf.shape(inputs)[1]
        zero = (tf.zeros([n_sentences, projection.shape[0]]), tf.zeros([n_sentences, projection.shape[1]]))
        states = tf.scan(step, inputs, zero)[1]
        inputs = states + inputs if i > 0 else states
        layers.append(tf.transpose(inputs, [1, 0, 2]))
        i += 1
    return layers
