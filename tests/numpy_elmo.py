"""The network in plain numpy, one sentence and one token at a time: slow, obvious, and what the engine must equal.

Peters et al. 2018, "Deep contextualized word representations"; character CNN and highways as in Jozefowicz et
al. 2016, LSTM with projection as in Sak et al. 2014. Nothing here comes from the engine. All sums are float64.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from elmo_udf.models.form import Model


def character_ids(token: bytes, mark: int | None = None) -> np.ndarray:
    """The 50 ids of a token, or of the sentence boundary whose only character is ``mark``: (50,) int."""
    characters = [mark] if mark is not None else list(token[:48])
    word = [258, *characters, 259]
    return np.array(word + [260] * (50 - len(word))) + 1


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))


def clip(x: np.ndarray, bound: float | None) -> np.ndarray:
    """``x`` within ±bound; as it is where there is no bound."""
    return x if bound is None else np.clip(x, -bound, bound)


@lru_cache(maxsize=10_000)
def word_vector(model: Model, token: bytes, mark: int | None = None) -> np.ndarray:
    """Vector of a token out of context, or of a sentence boundary: (P,) float64."""
    options, w = model.options, model.arrays
    characters = w["character_embedding"][character_ids(token, mark)].astype(np.float64)  # (50, d)
    activation = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}[options.activation]
    convolutions = []
    for i, (width, _) in enumerate(options.filters):
        windows = np.array([characters[start : start + width] for start in range(50 - width + 1)])  # (_, width, d)
        responses = np.einsum("swd,wdn->sn", windows, w[f"filter_{i}_kernel"])
        convolutions.append(activation(np.max(responses, axis=0) + w[f"filter_{i}_bias"]))
    x = np.concatenate(convolutions)  # (F,)
    for i in range(options.n_highway):
        gate = sigmoid(x @ w[f"highway_{i}_carry_kernel"] + w[f"highway_{i}_carry_bias"])
        new = np.maximum(x @ w[f"highway_{i}_transform_kernel"] + w[f"highway_{i}_transform_bias"], 0)
        x = gate * new + (1 - gate) * x
    return x @ w["projection_kernel"] + w["projection_bias"] if options.project_characters else x


def read(model: Model, direction: str, words: list[np.ndarray]) -> list[np.ndarray]:
    """One direction over ``words`` in the order it reads them, from zero state: n x (P,) -> layers of (n, P)."""
    options = model.options
    inputs, layers = words, []
    for i in range(options.n_layers):
        kernel, bias, projection = (
            model.arrays[f"{direction}_{i}_{part}"] for part in ("kernel", "bias", "projection")
        )
        cell, state, outputs = np.zeros(options.cell_dim), np.zeros(options.projection_dim), []
        for x in inputs:
            gates = np.concatenate([x, state]) @ kernel + bias
            input_gate, new, forget_gate, output_gate = np.split(gates, 4)
            cell = sigmoid(forget_gate + 1) * cell + sigmoid(input_gate) * np.tanh(new)
            cell = clip(cell, options.cell_clip)
            state = clip((sigmoid(output_gate) * np.tanh(cell)) @ projection, options.projection_clip)
            outputs.append(state + x if options.residual and i > 0 else state)
        layers.append(np.array(outputs))
        inputs = outputs
    return layers


def layers(model: Model, sentence: list[str]) -> dict[str, np.ndarray]:
    """All layers of one sentence and their mix ``elmo``: n tokens -> {name: (n, width) float64}."""
    return dict(_layers(model, tuple(sentence)))


@lru_cache(maxsize=1_000)
def _layers(model: Model, sentence: tuple[str, ...]) -> dict[str, np.ndarray]:
    encoded = [word_vector(model, token.encode("utf-8", "surrogatepass")) for token in sentence]
    words = [word_vector(model, b"", 256), *encoded, word_vector(model, b"", 257)]
    forward = read(model, "forward", words)
    backward = [layer[::-1] for layer in read(model, "backward", words[::-1])]
    result = {"word_emb": np.array(words)[1:-1]}
    for i in range(model.options.n_layers):
        result[f"lstm_outputs{i + 1}"] = np.concatenate([forward[i], backward[i]], axis=1)[1:-1]
    weights = np.exp(model.mix.weights) / np.exp(model.mix.weights).sum()
    mixed = [np.tile(result["word_emb"], 2), *list(result.values())[1:]]  # word_emb is doubled to their width
    result["elmo"] = model.mix.scale * sum(s * layer for s, layer in zip(weights, mixed, strict=True))
    for layer in result.values():
        layer.flags.writeable = False
    return result
