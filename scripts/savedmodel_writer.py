"""Models as TF-Hub publishes ELMo: a SavedModel whose signatures ``default`` and ``tokens`` run in plain TensorFlow.

Sizes: B sentences, T tokens of the longest, V distinct tokens and the two marks of a sentence, P projection_dim.
Unlike the published graph this one starts every sentence from zero state, and a position behind the end of its
sentence is zero in every output (there it is a vector that looks like a token's).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from elmo_udf.errors import UserError
from elmo_udf.models.form import Model
from elmo_udf.models.savedmodel import CELLS, CLIP, MIX_SCALE, MIX_WEIGHTS
from elmo_udf.models.writing import is_filter, network_names, network_variables
from elmo_udf.network.bilm import BiLM
from elmo_udf.network.runtime import start_tensorflow
from elmo_udf.network.weights import cut
from elmo_udf.text.characters import (
    BEGIN_OF_SENTENCE_IDS,
    BEGIN_OF_WORD,
    END_OF_SENTENCE_IDS,
    END_OF_WORD,
    MAX_BYTES,
    N_POSITIONS,
    PADDING,
)

if TYPE_CHECKING:
    import tensorflow as tf

    Variables = dict[str, tf.Variable]

SCOPE = "bilm/"
"""What stands before the names of the network's variables in the published modules."""
BEGIN, END, N_MARKS = 0, 1, 2
"""Rows of the marks of a sentence, before those of the distinct tokens."""


def write_savedmodel(model: Model, folder: Path) -> None:
    """Write ``model`` as a TF-Hub style SavedModel to ``folder``, which appears when it is whole.

    Raises UserError where there is something at ``folder`` already, or it can't be written, and for a model that is
    not like the published ones in what a SavedModel does not say: relu, clips at 3, residual connections.
    """
    _check_options(model)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"output {str(folder)!r} exists, expected a path with nothing there; remove it or give another")
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    tf = start_tensorflow()
    try:
        unfinished.mkdir(parents=True)
        _save(model, unfinished)
        unfinished.replace(folder)
    except (OSError, tf.errors.OpError) as error:
        raise UserError(
            f"output {str(folder)!r} can't be written ({error}), expected a folder that can be made; give another path"
        ) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _check_options(model: Model) -> None:
    options = model.options
    found = {
        "activation": options.activation,
        "cell_clip": options.cell_clip,
        "projection_clip": options.projection_clip,
        "residual": options.residual,
    }
    published = {"activation": "relu", "cell_clip": CLIP, "projection_clip": CLIP, "residual": True}
    other = {name: value for name, value in found.items() if value != published[name]}
    if other:
        raise UserError(
            f"model {model.handle!r} has {other}, expected { ({name: published[name] for name in other}) }, as every "
            "program that reads a SavedModel's variables takes for granted; keep this model in its folder"
        )


def _save(model: Model, folder: Path) -> None:
    import tensorflow as tf

    values = {SCOPE + name: value for name, value in network_variables(model, CELLS).items()}
    mix = {MIX_WEIGHTS: list(model.mix.weights), MIX_SCALE: model.mix.scale}
    # As in the published modules, the mix is what a task may train.
    variables = {name: tf.Variable(value, name=name, trainable=False) for name, value in values.items()}
    variables |= {name: tf.Variable(value, name=name, dtype=tf.float32) for name, value in mix.items()}
    module = tf.Module()
    module.kept = list(variables.values())

    def default(strings: tf.Tensor) -> dict[str, tf.Tensor]:
        return _outputs(model, variables, *_split(strings))

    def tokens(tokens: tf.Tensor, sequence_len: tf.Tensor) -> dict[str, tf.Tensor]:
        return _outputs(model, variables, tokens, sequence_len)

    strings, words = tf.TensorSpec([None], tf.string, "strings"), tf.TensorSpec([None, None], tf.string, "tokens")
    lengths = tf.TensorSpec([None], tf.int32, "sequence_len")
    signatures = {
        "default": tf.function(default, input_signature=[strings], autograph=False),
        "tokens": tf.function(tokens, input_signature=[words, lengths], autograph=False),
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _split(strings: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Tokens between runs of U+0020: (B,) strings -> (B, T) strings, padded with "", and their numbers (B,) int32."""
    import tensorflow as tf

    tokens = tf.strings.split(strings, " ")
    tokens = tf.ragged.boolean_mask(tokens, tokens != "")
    return tokens.to_tensor(""), tf.cast(tokens.row_lengths(), tf.int32)


def _outputs(model: Model, variables: Variables, tokens: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
    """What the published modules give: layers (B, T, width), ``default`` (B, 2P), ``sequence_len`` (B,) int32.

    tokens (B, T) strings; lengths (B,) int32. ``default`` is the mean of ``elmo`` over a sentence's tokens, zero where
    it has none.
    """
    import tensorflow as tf

    n_tokens = tf.shape(tokens)[1]
    lengths = tf.clip_by_value(lengths, 0, n_tokens)
    bilm = BiLM(model.options, model.mix, _weights(model, variables), "float32")
    distinct, rows = tf.unique(tf.reshape(tokens, [-1]))
    words = bilm.word_vectors(_character_ids(distinct))  # (V, P)
    rows = _with_marks(tf.reshape(rows, tf.shape(tokens)) + N_MARKS, lengths)  # (B, T + 2)
    forward = _read(bilm, "forward", words, rows)
    backward = _read(bilm, "backward", words, tf.reverse_sequence(rows, lengths + N_MARKS, seq_axis=1))

    inside = tf.cast(tf.sequence_mask(lengths, n_tokens), tf.float32)[:, :, tf.newaxis]  # (B, T, 1)
    layers = [tf.gather(words, rows[:, 1:-1]) * inside]
    for ahead, back in zip(forward, backward, strict=True):
        both = tf.concat([ahead, tf.reverse_sequence(back, lengths + N_MARKS, seq_axis=1)], axis=2)
        layers.append(both[:, 1:-1] * inside)
    outputs = dict(zip(model.options.layer_names, layers, strict=True))
    shares = tf.unstack(variables[MIX_SCALE] * tf.nn.softmax(variables[MIX_WEIGHTS]))
    mixed = [tf.concat([layers[0], layers[0]], axis=2), *layers[1:]]
    outputs["elmo"] = tf.add_n([share * layer for share, layer in zip(shares, mixed, strict=True)])
    n = tf.cast(lengths, tf.float32)[:, tf.newaxis]
    outputs["default"] = tf.math.divide_no_nan(tf.reduce_sum(outputs["elmo"], axis=1), n)
    return {**outputs, "sequence_len": lengths}


def _weights(model: Model, variables: Variables) -> dict[str, tf.Tensor]:
    """The weights as the equations read them, from the variables."""
    import tensorflow as tf

    arrays = {array: variables[SCOPE + name] for array, name in network_names(model.options, CELLS).items()}
    arrays = {array: value[0] if is_filter(array) else value for array, value in arrays.items()}
    return dict(cut(arrays, model.options.n_layers, tf.split))


def _character_ids(distinct: tf.Tensor) -> tf.Tensor:
    """Ids of the characters of the two marks and of ``distinct`` tokens: (V - 2,) strings -> (V, 50) int32."""
    import tensorflow as tf

    n_bytes = tf.minimum(tf.strings.length(distinct), MAX_BYTES)[:, tf.newaxis]  # (V - 2, 1)
    content = tf.cast(tf.io.decode_raw(distinct, tf.uint8, fixed_length=MAX_BYTES), tf.int32) + 1  # 0s behind the end
    content = tf.pad(content, [[0, 0], [1, 1]], constant_values=BEGIN_OF_WORD)  # (V - 2, 50)
    position = tf.range(N_POSITIONS)
    ids = tf.where(position <= n_bytes, content, tf.where(position == n_bytes + 1, END_OF_WORD, PADDING))
    return tf.concat([np.stack([BEGIN_OF_SENTENCE_IDS, END_OF_SENTENCE_IDS]), ids], axis=0)


def _with_marks(rows: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """A sentence's tokens between its marks, then anything: (B, T) -> (B, T + 2), rows of the distinct tokens."""
    import tensorflow as tf

    marked = tf.pad(rows, [[0, 0], [1, 1]], constant_values=BEGIN)
    return tf.where(tf.range(tf.shape(marked)[1]) == lengths[:, tf.newaxis] + 1, END, marked)


def _read(bilm: BiLM, direction: str, words: tf.Tensor, rows: tf.Tensor) -> list[tf.Tensor]:
    """The LSTM layers of one direction: words (V, P), rows (B, T) as it reads them -> (B, T, P) each.

    Every sentence is a tree of a single branch; what is read behind its end comes after all that counts.
    """
    import tensorflow as tf

    n_sentences, n_levels = tf.unstack(tf.shape(rows))
    options = bilm.options
    cell, state = tf.zeros((n_sentences, options.cell_dim)), tf.zeros((n_sentences, options.projection_dim))
    halves, _ = bilm.read(
        direction,
        options.layer_names[1:],
        words,
        tf.reshape(tf.transpose(rows), [-1]),
        tf.tile(tf.range(n_sentences), [n_levels]),
        tf.fill([n_levels], n_sentences),
        [(cell, state)] * options.n_layers,
    )
    shape = (n_levels, n_sentences, options.projection_dim)
    return [tf.transpose(tf.reshape(halves[name], shape), [1, 0, 2]) for name in options.layer_names[1:]]
