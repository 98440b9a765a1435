"""The engine against the numpy reference and against published numbers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from elmo_udf.errors import UserError
from elmo_udf.models.form import Mix, Model
from elmo_udf.network.engine import Network
from elmo_udf.network.forest import Levels, plant
from tests import numpy_elmo
from tests.fuzzing import ALL
from tests.make_models import random_model

# Sums of float32 in another order: with weights of the tiny models' scale they differ by a few 1e-7.
TOLERANCE = 1e-5

MODELS: dict[str, dict[str, object]] = {
    "published options, small": {},
    "one layer, no highway, tanh, no clips": {
        "n_layers": 1,
        "n_highway": 0,
        "activation": "tanh",
        "cell_clip": None,
        "projection_clip": None,
    },
    "three layers, two highways": {"n_layers": 3, "n_highway": 2, "mix": Mix((0.3, -1.0, 0.5, 2.0), 1.7)},
    "three layers, no residual, tight clips": {
        "n_layers": 3,
        "residual": False,
        "cell_clip": 0.7,
        "projection_clip": 0.4,
    },
    "no projection, tanh": {"project_characters": False, "projection_dim": 20, "activation": "tanh"},
    "wide filters, one layer": {
        "n_layers": 1,
        "filters": ((1, 3), (5, 4), (7, 5)),
        "n_highway": 2,
        "mix": Mix((1.0, 0.0), 0.5),
    },
    "no residual, no highway": {"residual": False, "n_highway": 0, "cell_clip": None},
}

ORDINARY = ("published options, small", "three layers, two highways", "no projection, tanh")


@cache
def model(name: str) -> Model:
    return random_model(sorted(MODELS).index(name), **MODELS[name])  # type: ignore[arg-type]


@cache
def network(name: str) -> Network:
    # Small enough that one text takes several batches and the memory of words fills up.
    return Network(model(name), threads=2, max_sentences=20, max_tokens=100, max_words=10)


@cache
def reference(name: str, sentence: tuple[str, ...]) -> dict[str, np.ndarray]:
    return numpy_elmo.layers(model(name), list(sentence))


def all_layers(model: Model) -> tuple[str, ...]:
    return (*model.options.layer_names, "elmo")


N_TOKENS, N_SENTENCES, N_TEXTS = (200, 64, 12) if ALL else (30, 24, 3)
"""At most of a sentence, and of a text; a text of 24 sentences takes several batches as well."""
TOKENS = st.text(min_size=1, max_size=12) | st.text("aé日𝄞", min_size=1, max_size=40) | st.text("xyz", max_size=80)
TEXTS = st.lists(TOKENS, min_size=1, max_size=12).flatmap(
    lambda vocabulary: st.lists(
        st.lists(st.sampled_from(vocabulary), min_size=1, max_size=N_TOKENS), min_size=1, max_size=N_SENTENCES
    )
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in ORDINARY else pytest.mark.slow) for name in MODELS]
)
@settings(max_examples=N_TEXTS, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=TEXTS)
@example(text=[["the", "a" * 80, "é" * 30][i % 3 : 1 + i % 3] * (1 + 3 * i) for i in range(N_SENTENCES)])
@example(text=[["one"]])
def test_engine_equals_reference(name: str, text: list[list[str]]) -> None:
    names = all_layers(model(name))
    layers = network(name).layers(text, names)
    expected = [reference(name, tuple(sentence)) for sentence in text]
    assert tuple(layers) == names
    for layer in names:
        assert layers[layer].dtype == np.float32
        rows = np.concatenate([sentence[layer] for sentence in expected])
        np.testing.assert_allclose(layers[layer], rows, rtol=0, atol=TOLERANCE, err_msg=layer)


@pytest.mark.parametrize("n_bytes", range(81))
def test_every_length_of_token(n_bytes: int) -> None:
    """Positions beyond what a token needs are not computed: no length may notice."""
    name = "wide filters, one layer"
    text = [["b" * n_bytes], ["a" * n_bytes, "c"]]
    layers = network(name).layers(text, ["word_emb"])
    expected = np.concatenate([reference(name, tuple(sentence))["word_emb"] for sentence in text])
    np.testing.assert_allclose(layers["word_emb"], expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("names", [["word_emb"], ["lstm_outputs1"], ["lstm_outputs3", "word_emb"], ["elmo"], []])
def test_layers_asked_for_are_those_given(names: list[str]) -> None:
    name = "three layers, two highways"
    layers = network(name).layers([["a", "b"], ["c"]], names)
    assert list(layers) == names
    for layer in names:
        assert layers[layer].shape == (3, network(name).width(layer))
        expected = np.concatenate([reference(name, ("a", "b"))[layer], reference(name, ("c",))[layer]])
        np.testing.assert_allclose(layers[layer], expected, rtol=0, atol=TOLERANCE)


def test_nothing_in_nothing_out() -> None:
    layers = network("published options, small").layers([], ["word_emb", "elmo"])
    assert [layers[name].shape for name in layers] == [(0, 8), (0, 16)]


def natural_text(n_sentences: int, seed: int = 0) -> list[list[str]]:
    """Sentences of a few words each, many of them beginning or ending alike, some of them equal."""
    random = np.random.default_rng(seed)
    words = np.array(["the", "dog", "sees", "a", "cat", "naïve", "ран", "x" * 60])
    return [
        words[np.minimum(random.geometric(0.4, random.integers(1, 12)) - 1, 7)].tolist() for _ in range(n_sentences)
    ]


def rows_of(text: list[list[str]], rows: np.ndarray) -> list[np.ndarray]:
    """Rows in reading order, cut into sentences."""
    return np.split(rows, np.cumsum([len(sentence) for sentence in text])[:-1])


def test_a_sentence_is_the_same_in_any_company() -> None:
    engine, text = network("published options, small"), natural_text(60)
    together = rows_of(text, engine.layers(text, ["elmo"])["elmo"])
    reversed_order = rows_of(text[::-1], engine.layers(text[::-1], ["elmo"])["elmo"])[::-1]
    for i, sentence in enumerate(text):
        alone = engine.layers([sentence], ["elmo"])["elmo"]
        np.testing.assert_allclose(together[i], alone, rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(reversed_order[i], alone, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    "switched", [{"share": False}, {"max_words": 0}, {"max_tokens": 1}, {"max_sentences": 1}, {"threads": 1}]
)
def test_savings_change_nothing(switched: dict[str, int]) -> None:
    name, text = "published options, small", natural_text(80, seed=1)
    names = all_layers(model(name))
    layers = Network(model(name), **switched).layers(text, names)  # type: ignore[arg-type]
    for layer in names:
        expected = np.concatenate([reference(name, tuple(sentence))[layer] for sentence in text])
        np.testing.assert_allclose(layers[layer], expected, rtol=0, atol=TOLERANCE)


def test_shared_and_repeated_parts_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    n_nodes: dict[str, list[int]] = {"forward": [], "backward": []}  # which run at once, each in a thread

    def counting(*arguments: object, **options: object) -> Iterator[Levels]:
        for levels in plant(*arguments, **options):  # type: ignore[arg-type]
            n_nodes["backward" if options["backward"] else "forward"].append(len(levels.tokens))
            yield levels

    monkeypatch.setattr("elmo_udf.network.engine.plant", counting)
    text = [["a", "b", "c", "d"], ["a", "b", "x", "d"]]
    engine = Network(model("published options, small"))
    engine.layers(text * 10, ["elmo"])
    assert n_nodes == {"forward": [6], "backward": [7]}  # a b c d, x d; and d c b a, x b a


def test_one_trace_for_all_shapes() -> None:
    engine = Network(random_model(1), max_sentences=10, max_tokens=50)
    for n_sentences in (1, 2, 5, 17, 40):
        engine.layers(natural_text(n_sentences), ["elmo", "lstm_outputs1"])
    traces = engine.n_traces
    assert traces == 5  # of the word vectors; and in each direction, of the boundary's state and of the text
    for n_sentences in (3, 4, 30, 64):
        engine.layers(natural_text(n_sentences, seed=n_sentences), ["elmo", "lstm_outputs1"])
    engine.layers([["word"] * 300, ["y" * 48]], ["elmo", "lstm_outputs1"])
    assert engine.n_traces == traces


def test_bfloat16_is_near_float32() -> None:
    name, text = "published options, small", natural_text(50, seed=2)
    exact = network(name).layers(text, ["elmo"])["elmo"]
    rounded = Network(model(name), precision="bfloat16").layers(text, ["elmo"])["elmo"]
    assert rounded.dtype == np.float32 and not np.allclose(exact, rounded, rtol=0, atol=TOLERANCE)
    for a, b in zip(rows_of(text, exact), rows_of(text, rounded), strict=True):
        a, b = a.mean(axis=0), b.mean(axis=0)
        assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.999


def test_wrong_names_are_refused() -> None:
    with pytest.raises(UserError, match="precision 'float16' is unknown; expected one of float32, bfloat16"):
        Network(model("published options, small"), precision="float16")
    with pytest.raises(UserError, match="layer 'lstm_outputs9' is not in the model; expected one of word_emb"):
        network("published options, small").layers([["a"]], ["lstm_outputs9"])


def test_importing_the_engine_does_not_import_tensorflow(root: Path) -> None:
    code = "import sys, elmo_udf.network.engine, elmo_udf.network.encoder; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


@pytest.fixture(scope="module")
def bilm_tf(shared: Path) -> Path:
    return shared / "fixtures" / "bilm-tf"


@pytest.fixture(scope="module")
def published(bilm_tf: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[list[list[str]]], Network]:
    """The sentences [k][i] of a real pretrained model, and the model."""
    from elmo_udf.models import load_model

    folder = tmp_path_factory.mktemp("bilm-tf")  # of its own: beside the weights lie other .hdf5 files
    for name in ("options.json", "lm_weights.hdf5"):
        shutil.copy(bilm_tf / name, folder)
    sentences = json.loads((bilm_tf / "lm_embeddings_sentences.json").read_text())
    return [[line.split() for line in lines] for lines in sentences], Network(load_model(str(folder)))


def test_all_layers_of_a_published_model(bilm_tf: Path, published: tuple[list[list[list[str]]], Network]) -> None:
    sentences, engine = published
    text = [sentence for lines in sentences for sentence in lines]
    keys = [f"s{k}_{i}" for k, lines in enumerate(sentences) for i in range(len(lines))]
    layers = engine.layers(text, ["word_emb", "lstm_outputs1", "lstm_outputs2"])
    layers["word_emb"] = np.tile(layers["word_emb"], 2)  # doubled, as where layers are mixed
    stacked = [rows_of(text, rows) for rows in layers.values()]
    with np.load(bilm_tf / "stateless.npz") as expected:
        assert len(keys) == 30
        for n, key in enumerate(keys):
            np.testing.assert_allclose(np.stack([rows[n] for rows in stacked]), expected[key], rtol=0, atol=2e-6)


def test_top_layer_of_the_original_program(bilm_tf: Path, published: tuple[list[list[list[str]]], Network]) -> None:
    import h5py

    sentences, engine = published
    for k, lines in enumerate(sentences):
        top = engine.layers([lines[0]], ["lstm_outputs2"])["lstm_outputs2"]
        with h5py.File(bilm_tf / f"lm_embeddings_{k}.hdf5") as file:
            expected = np.concatenate(list(file["0"][...]), axis=1)  # two directions, each (T, 16)
        np.testing.assert_allclose(top, expected, rtol=0, atol=2e-6)
