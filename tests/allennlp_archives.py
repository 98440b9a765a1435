"""What a tagger of AllenNLP keeps of an ELMo in weights.th: names and layouts of its modules, and their formulas.

After allennlp/modules/elmo.py, highway.py and lstm_cell_with_projection.py: an LSTM's gates stand in the order
i, f, j, o with the bias of 1 of the forget gate added, and a highway layer is g·x + (1 - g)·relu(…).
"""

from __future__ import annotations

import numpy as np

from elmo_udf.models.form import Model
from tests.numpy_elmo import character_ids, clip, sigmoid

ELMO = "text_field_embedder.token_embedder_elmo._elmo."
BILM = f"{ELMO}_elmo_lstm."


def parameters(model: Model) -> dict[str, np.ndarray]:
    """The parameters of a tagger whose ELMo is ``model``: name -> float32."""
    w, options = model.arrays, model.options
    embedder = f"{BILM}_token_embedder."
    result = {f"{embedder}_char_embedding_weights": w["character_embedding"]}
    for i in range(len(options.filters)):
        result[f"{embedder}char_conv_{i}.weight"] = w[f"filter_{i}_kernel"].transpose(2, 1, 0)
        result[f"{embedder}char_conv_{i}.bias"] = w[f"filter_{i}_bias"]
    for i in range(options.n_highway):
        transform, carry = (w[f"highway_{i}_{gate}_kernel"].T for gate in ("transform", "carry"))
        result[f"{embedder}_highways._layers.{i}.weight"] = np.concatenate([transform, -carry])
        transform, carry = (w[f"highway_{i}_{gate}_bias"] for gate in ("transform", "carry"))
        result[f"{embedder}_highways._layers.{i}.bias"] = np.concatenate([transform, -carry])
    result[f"{embedder}_projection.weight"] = w["projection_kernel"].T
    result[f"{embedder}_projection.bias"] = w["projection_bias"]
    for direction in ("forward", "backward"):
        for i in range(options.n_layers):
            layer = f"{BILM}_elmo_lstm.{direction}_layer_{i}."
            i_gate, new, forget, output = np.split(w[f"{direction}_{i}_kernel"], 4, axis=1)
            kernel = np.concatenate([i_gate, forget, new, output], axis=1).T
            i_gate, new, forget, output = np.split(w[f"{direction}_{i}_bias"], 4)
            result[f"{layer}input_linearity.weight"] = kernel[:, : options.projection_dim]
            result[f"{layer}state_linearity.weight"] = kernel[:, options.projection_dim :]
            result[f"{layer}state_linearity.bias"] = np.concatenate([i_gate, forget + np.float32(1), new, output])
            result[f"{layer}state_projection.weight"] = w[f"{direction}_{i}_projection"].T
    for i, weight in enumerate(model.mix.weights):
        result[f"{ELMO}scalar_mix_0.scalar_parameters.{i}"] = np.array([weight], np.float32)
    result[f"{ELMO}scalar_mix_0.gamma"] = np.array([model.mix.scale], np.float32)
    return {name: np.ascontiguousarray(value) for name, value in result.items()}


def word_vector(p: dict[str, np.ndarray], token: bytes, mark: int | None = None) -> np.ndarray:
    """_ElmoCharacterEncoder and Highway: (P,) float64."""
    embedder = f"{BILM}_token_embedder."
    characters = p[f"{embedder}_char_embedding_weights"][character_ids(token, mark)].astype(np.float64)  # (50, d)
    convolved, i = [], 0
    while f"{embedder}char_conv_{i}.weight" in p:
        kernel, bias = p[f"{embedder}char_conv_{i}.weight"], p[f"{embedder}char_conv_{i}.bias"]  # (n, d, width)
        width = kernel.shape[2]
        windows = np.array([characters[at : at + width].T for at in range(50 - width + 1)])  # (_, d, width)
        convolved.append(np.maximum(np.max(np.einsum("sdw,ndw->sn", windows, kernel) + bias, axis=0), 0))
        i += 1
    x, i = np.concatenate(convolved), 0
    while f"{embedder}_highways._layers.{i}.weight" in p:
        projected = p[f"{embedder}_highways._layers.{i}.weight"] @ x + p[f"{embedder}_highways._layers.{i}.bias"]
        new, gate = np.maximum(projected[: len(x)], 0), sigmoid(projected[len(x) :])
        x = gate * x + (1 - gate) * new
        i += 1
    return p[f"{embedder}_projection.weight"] @ x + p[f"{embedder}_projection.bias"]


def read(p: dict[str, np.ndarray], direction: str, words: list[np.ndarray], n_layers: int) -> list[np.ndarray]:
    """LstmCellWithProjection in ElmoLstm: n x (P,) -> layers of (n, P), in the order of reading."""
    inputs, layers = words, []
    for i in range(n_layers):
        prefix = f"{BILM}_elmo_lstm.{direction}_layer_{i}."
        projection = p[f"{prefix}state_projection.weight"]
        state, cell, outputs = np.zeros(len(projection)), np.zeros(projection.shape[1]), []
        for x in inputs:
            gates = p[f"{prefix}input_linearity.weight"] @ x
            gates = gates + p[f"{prefix}state_linearity.weight"] @ state + p[f"{prefix}state_linearity.bias"]
            input_gate, forget_gate, new, output_gate = np.split(gates, 4)
            cell = clip(sigmoid(input_gate) * np.tanh(new) + sigmoid(forget_gate) * cell, 3.0)
            state = clip(projection @ (sigmoid(output_gate) * np.tanh(cell)), 3.0)
            outputs.append(state + x if i else state)
        layers.append(np.array(outputs))
        inputs = outputs
    return layers


def elmo(p: dict[str, np.ndarray], sentence: list[str], n_layers: int = 2) -> np.ndarray:
    """The mix of the layers: n tokens -> (n, 2P) float64."""
    words = [word_vector(p, b"", 256), *(word_vector(p, t.encode()) for t in sentence), word_vector(p, b"", 257)]
    forward = read(p, "forward", words, n_layers)
    backward = [layer[::-1] for layer in read(p, "backward", words[::-1], n_layers)]
    layers = [np.tile(np.array(words), 2), *(np.hstack(pair) for pair in zip(forward, backward, strict=True))]
    weights = np.array([p[f"{ELMO}scalar_mix_0.scalar_parameters.{i}"][0] for i in range(n_layers + 1)], np.float64)
    shares = np.exp(weights) / np.exp(weights).sum()
    mixed = p[f"{ELMO}scalar_mix_0.gamma"][0] * sum(s * layer for s, layer in zip(shares, layers, strict=True))
    return np.asarray(mixed)[1:-1]
