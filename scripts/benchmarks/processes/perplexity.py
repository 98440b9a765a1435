"""Perplexity of a language model on held-out sentences, in NumPy: shares no code with either program that trains.

Sizes: V distinct tokens and two marks, T steps, B streams, P projection_dim, W words of the vocabulary.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from elmo_udf.models import Model, load_model
from elmo_udf.text.characters import BEGIN_OF_SENTENCE_IDS, END_OF_SENTENCE_IDS, character_ids

BEGIN, END, UNKNOWN = "<S>", "</S>", "<UNK>"


def main(folder: str, corpus: str, n_streams: int) -> dict[str, dict[str, float]]:
    """Perplexity forward and backward, and exp of the mean of both losses, by two rules for a sentence's first state.

    zero: as sentences are embedded; carried: what the sentence before it in its stream left, as the published program
    trains and measures. Every token and the mark after it (before it, backwards) is predicted, over all words.
    """
    model = load_model(folder)
    softmax = dict(np.load(Path(folder) / "softmax.npz"))
    words = (Path(corpus) / "vocabulary.txt").read_text("utf-8").splitlines()
    sentences = [line.split() for line in (Path(corpus) / "held_out.txt").read_text("utf-8").splitlines()]
    distinct = sorted({token for sentence in sentences for token in sentence})
    rows = {token: i for i, token in enumerate([BEGIN, END, *distinct])}
    vectors, labels = word_vectors(model, distinct), {word: i for i, word in enumerate(words)}
    result = {}
    for rule in ("zero", "carried"):
        losses = []
        for direction in ("forward", "backward"):
            read, predicted, starts = in_streams(sentences, n_streams, direction)
            inside = np.array([[token != "" for token in step] for step in predicted])  # (T, B)
            tokens = np.array([[rows.get(token, 0) for token in step] for step in read])
            targets = np.array([[labels.get(token, labels[UNKNOWN]) for token in step] for step in predicted])
            outputs = top_layer(model, direction, vectors, tokens, starts & (rule == "zero"))
            of_steps = np.stack([loss(*step, softmax) for step in zip(outputs, targets, strict=True)])  # (T, B)
            losses.append(of_steps[inside])
        forward, backward = (float(np.exp(values.mean())) for values in losses)
        result[rule] = {"forward": forward, "backward": backward, "both": float(np.sqrt(forward * backward))}
    return result


def in_streams(
    sentences: list[list[str]], n_streams: int, direction: str
) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]], np.ndarray]:
    """What is read and what is predicted, T steps of B streams, and where sentences start, (T, B) bool."""
    streams: list[tuple[list[str], list[str], list[bool]]] = [([], [], []) for _ in range(n_streams)]
    for i, sentence in enumerate(sentences):
        tokens, first, last = (sentence, BEGIN, END) if direction == "forward" else (sentence[::-1], END, BEGIN)
        read, predicted, starts = streams[i % n_streams]
        read += [first, *tokens]
        predicted += [*tokens, last]
        starts += [True, *[False] * len(tokens)]
    n_steps = max(len(read) for read, _, _ in streams)
    for read, predicted, starts in streams:  # the rest is not counted
        missing = n_steps - len(read)
        read += [""] * missing
        predicted += [""] * missing
        starts += [True] * missing
    read_steps, predicted_steps, start_steps = (list(zip(*part, strict=True)) for part in zip(*streams, strict=True))
    return read_steps, predicted_steps, np.array(start_steps)


def word_vectors(model: Model, distinct: list[str]) -> np.ndarray:
    """The two marks and the tokens, out of context: (V, P)."""
    w, relu = model.arrays, model.options.activation == "relu"
    ids = np.concatenate([[BEGIN_OF_SENTENCE_IDS, END_OF_SENTENCE_IDS], character_ids(distinct)])
    parts = []
    for start in range(0, len(ids), 256):
        characters = w["character_embedding"][ids[start : start + 256]]  # (n, 50, d)
        maxima = []
        for i, (width, n) in enumerate(model.options.filters):
            windows = np.swapaxes(sliding_window_view(characters, width, axis=1), 2, 3)  # (n, 51 - width, width, d)
            responses = windows.reshape(*windows.shape[:2], -1) @ w[f"filter_{i}_kernel"].reshape(-1, n)
            sums = responses.max(axis=1) + w[f"filter_{i}_bias"]
            maxima.append(np.maximum(sums, 0) if relu else np.tanh(sums))
        x = np.concatenate(maxima, axis=1)
        for i in range(model.options.n_highway):
            gate = sigmoid(x @ w[f"highway_{i}_carry_kernel"] + w[f"highway_{i}_carry_bias"])
            new = np.maximum(x @ w[f"highway_{i}_transform_kernel"] + w[f"highway_{i}_transform_bias"], 0)
            x = gate * new + (1 - gate) * x
        parts.append(x @ w["projection_kernel"] + w["projection_bias"] if model.options.project_characters else x)
    return np.concatenate(parts)


def top_layer(model: Model, direction: str, vectors: np.ndarray, tokens: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """The upper LSTM layer: vectors (V, P), tokens (T, B); where ``fresh`` (T, B) the state is zero -> (T, B, P)."""
    options, n_streams = model.options, tokens.shape[1]
    x: np.ndarray = vectors[tokens]
    for i in range(options.n_layers):
        kernel, bias, projection = (
            model.arrays[f"{direction}_{i}_{part}"] for part in ("kernel", "bias", "projection")
        )
        cell = np.zeros((n_streams, options.cell_dim), np.float32)
        state = np.zeros((n_streams, options.projection_dim), np.float32)
        states = []
        for step, begins in zip(x, fresh, strict=True):
            cell, state = (np.where(begins[:, np.newaxis], np.float32(0), part) for part in (cell, state))
            a, j, f, o = np.split(np.concatenate([step, state], axis=1) @ kernel + bias, 4, axis=1)
            cell = clipped(sigmoid(f + 1) * cell + sigmoid(a) * np.tanh(j), options.cell_clip)
            state = clipped((sigmoid(o) * np.tanh(cell)) @ projection, options.projection_clip)
            states.append(state)
        x = np.stack(states) + (x if options.residual and i > 0 else 0)
    return x


def loss(outputs: np.ndarray, targets: np.ndarray, softmax: dict[str, np.ndarray]) -> np.ndarray:
    """−log of the probability of each target: (B, P), (B,) -> (B,)."""
    logits = outputs @ softmax["softmax_kernel"].T + softmax["softmax_bias"]  # (B, W)
    largest = logits.max(axis=1)
    of_all = np.log(np.exp(logits - largest[:, np.newaxis]).sum(axis=1)) + largest
    losses: np.ndarray = of_all - logits[np.arange(len(targets)), targets]
    return losses


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * x))


def clipped(x: np.ndarray, bound: float | None) -> np.ndarray:
    """``x`` within ±bound."""
    return x if bound is None else np.clip(x, -bound, bound)
