"""SavedModels that scripts/export-savedmodel writes: they run in plain TensorFlow, as our own network does."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_savedmodel import main
from savedmodel_writer import write_savedmodel

from elmo_udf.models import Mix, Model, load_model
from elmo_udf.models.writing import write_allennlp
from elmo_udf.network.engine import Network
from tests import numpy_elmo
from tests.make_models import random_model
from tests.refusals import refused

MODEL = random_model(11, mix=Mix((0.3, -0.2, 1.0), 0.7))
TEXTS = [
    "the cat sat on the mat",
    "",
    "a",
    "  naïve   café 東京 😀 ",
    "x" * 47 + " " + "x" * 48 + " " + "x" * 49 + " " + "é" * 30,
    "tab\tis no space",
]
TOKENS = [text.split(" ") for text in TEXTS]
TOKENS = [[token for token in tokens if token] for tokens in TOKENS]
PLAIN = """
import json, sys
sys.modules["elmo_udf"] = None  # importing it fails
import tensorflow as tf, tensorflow_hub as hub
outputs = hub.load(sys.argv[1]).signatures["default"](tf.constant(json.loads(sys.argv[2])))
print(json.dumps({name: value.numpy().tolist() for name, value in outputs.items()}))
"""


@pytest.fixture(scope="module")
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Written by the script from a model folder."""
    path = tmp_path_factory.mktemp("export")
    write_allennlp(MODEL, path / "model")
    assert main([str(path / "model"), str(path / "made" / "hub")]) == 0
    return path / "made" / "hub"


@pytest.fixture(scope="module")
def signatures(folder: Path) -> dict[str, Any]:
    import tensorflow as tf

    return tf.saved_model.load(str(folder)).signatures


@cache
def network(model: Model) -> Network:
    """The engine, which takes a second to start."""
    return Network(model)


def assert_right(outputs: dict[str, Any], sentences: list[list[str]], model: Model = MODEL) -> None:
    """Outputs (B, T, width) are those of the slow network and of the engine at tokens, and zero behind them."""
    names = [*model.options.layer_names, "elmo"]
    assert outputs.keys() == {*names, "default", "sequence_len"}
    outputs = {name: np.asarray(value) for name, value in outputs.items()}
    assert outputs["sequence_len"].tolist() == [len(sentence) for sentence in sentences]
    assert outputs["default"].shape == (len(sentences), 2 * model.options.projection_dim)
    ours, start = network(model).layers(sentences, names), 0
    for i, sentence in enumerate(sentences):
        n, expected = len(sentence), numpy_elmo.layers(model, sentence) if sentence else {}
        for name in names:
            assert not outputs[name][i, n:].any()
            np.testing.assert_allclose(outputs[name][i, :n], ours[name][start : start + n], atol=1e-5, rtol=0)
            if sentence:
                np.testing.assert_allclose(outputs[name][i, :n], expected[name], atol=1e-5, rtol=0)
        mean = expected["elmo"].mean(axis=0) if sentence else 0
        np.testing.assert_allclose(outputs["default"][i], mean, atol=1e-5, rtol=0)
        start += n


@pytest.mark.slow
def test_default_signature(signatures: dict[str, Any]) -> None:
    import tensorflow as tf

    assert_right(signatures["default"](tf.constant(TEXTS)), TOKENS)
    assert_right(signatures["default"](tf.constant(["", " "])), [[], []])
    for text, tokens in zip(TEXTS, TOKENS, strict=True):  # alone as in company
        assert_right(signatures["default"](tf.constant([text])), [tokens])


def test_tokens_signature(signatures: dict[str, Any]) -> None:
    """Tokens may hold spaces or nothing; what stands behind a sentence's length is no part of it."""
    import tensorflow as tf

    tokens = [["the", "", "new york", "é"], ["one", "not", "read", ""], ["", "", "", ""]]
    for lengths in ([4, 1, 0], [9, 1, -1]):
        outputs = signatures["tokens"](tokens=tf.constant(tokens), sequence_len=tf.constant(lengths))
        assert_right(outputs, [tokens[0], ["one"], []])


@pytest.mark.slow
def test_it_runs_without_this_project(folder: Path) -> None:
    command = [sys.executable, "-c", PLAIN, str(folder), json.dumps(TEXTS)]
    done = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert_right(json.loads(done.stdout), TOKENS)


def test_it_is_read_back(folder: Path) -> None:
    read = load_model(str(folder))
    assert (read.options, read.mix) == (MODEL.options, MODEL.mix)
    assert read.fingerprint() == MODEL.fingerprint()
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]  # nothing unfinished beside it


def test_variables_are_called_as_published_and_the_mix_can_be_trained(folder: Path) -> None:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    shapes = {variable.name.removesuffix(":0"): variable.shape.as_list() for variable in loaded.kept}
    assert shapes["bilm/char_embed"] == [262, 4]
    assert shapes["bilm/RNN_1/RNN/MultiRNNCell/Cell0/rnn/lstm_cell/projection/kernel"] == [16, 8]
    assert {v.name.removesuffix(":0") for v in loaded.kept if v.trainable} == {
        "aggregation/weights",
        "aggregation/scaling",
    }


@pytest.mark.parametrize(
    "model",
    [
        random_model(12, n_layers=1, n_highway=0, filters=((1, 4), (2, 4)), project_characters=False),
        pytest.param(random_model(13, n_layers=3, n_highway=2, cell_dim=8), marks=pytest.mark.slow),
    ],
)
def test_any_sizes_are_written(model: Model, tmp_path: Path) -> None:
    import tensorflow as tf

    tmp_path.joinpath("empty").mkdir()
    write_savedmodel(model, tmp_path / "empty")
    assert load_model(str(tmp_path / "empty")).fingerprint() == model.fingerprint()
    outputs = tf.saved_model.load(str(tmp_path / "empty")).signatures["default"](tf.constant(TEXTS[:3]))
    assert_right(outputs, TOKENS[:3], model)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"activation": "tanh"}, "'tanh'"),
        ({"cell_clip": 2.5}, "2.5"),
        ({"projection_clip": None}, "None"),
        ({"residual": False}, "False"),
    ],
)
def test_what_a_savedmodel_can_not_say_is_refused(changes: dict[str, Any], word: str, tmp_path: Path) -> None:
    with refused("random:1", next(iter(changes)), word, "expected", "keep this model in its folder"):
        write_savedmodel(random_model(1, **changes), tmp_path / "hub")
    assert not any(tmp_path.iterdir())


def test_script_replaces_nothing(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "notes").write_text("mine")
    assert main(["builtin:mini", str(tmp_path / "hub")]) == 2
    assert "exists" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "hub").iterdir()] == ["notes"]
    assert main(["builtin:mini", str(tmp_path / "hub" / "notes" / "hub")]) == 2
    assert "can't be written" in capsys.readouterr().err
    assert main(["no/such/model", str(tmp_path / "other")]) == 2
    assert "no/such/model" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_of_the_page(root: Path, folder: Path, tmp_path: Path) -> None:
    command = [str(root / "scripts" / "export-savedmodel"), str(folder.parents[1] / "model"), str(tmp_path / "hub")]
    subprocess.run(command, check=True, cwd=tmp_path)
    assert load_model(str(tmp_path / "hub")).fingerprint() == load_model(str(folder)).fingerprint()
