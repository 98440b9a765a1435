"""TF-Hub style SavedModels: real ones, written by TensorFlow in both formats, read for their variables."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_udf.models import Mix, Model, checkpoint, load_model
from tests import numpy_elmo, savedmodels
from tests.checkpoint_files import write_index
from tests.make_models import random_model
from tests.model_files import write_folder, write_tar, write_zip
from tests.refusals import refused

MODEL = random_model(1, mix=Mix((0.3, -0.2, 1.0), 0.7))
TEXTS = ["the cat sat on the mat", "héllo   " + "x" * 60 + " wörld", " a"]


@pytest.fixture(scope="module")
def tf1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return savedmodels.write_tf1(MODEL, tmp_path_factory.mktemp("tf1") / "model")


@pytest.fixture(scope="module")
def tf2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return savedmodels.write_tf2(MODEL, tmp_path_factory.mktemp("tf2") / "model", prefix="module/")


def keys(folder: Path) -> set[str]:
    """Keys of the checkpoint in a SavedModel."""
    import tensorflow as tf

    return set(tf.train.load_checkpoint(str(folder / "variables" / "variables")).get_variable_to_shape_map())


def assert_read(folder: Path, model: Model = MODEL) -> None:
    read = load_model(str(folder))
    assert read.options == model.options
    assert read.mix == model.mix
    assert read.fingerprint() == model.fingerprint()


@pytest.mark.parametrize("kind", [pytest.param("tf1", marks=pytest.mark.slow), "tf2"])
def test_signatures_of_the_test_models_run_the_published_network(kind: str, request: pytest.FixtureRequest) -> None:
    """The files stand in for TF-Hub's in other tests, so they must be right: against the slow network, to 1e-6."""
    import tensorflow as tf

    signatures = tf.saved_model.load(str(request.getfixturevalue(kind)), tags=["serve"]).signatures
    words = [text.split() for text in TEXTS]
    padded = [row + [""] * (max(map(len, words)) - len(row)) for row in words]
    lengths = tf.constant([len(row) for row in words], tf.int32)
    by_default = signatures["default"](tf.constant(TEXTS))
    by_tokens = signatures["tokens"](tokens=tf.constant(padded), sequence_len=lengths)
    for i, row in enumerate(words):
        expected = numpy_elmo.layers(MODEL, row)
        for outputs in (by_default, by_tokens):
            for name, value in expected.items():
                np.testing.assert_allclose(outputs[name][i, : len(row)], value, atol=1e-6, rtol=0)
            np.testing.assert_allclose(outputs["default"][i], expected["elmo"].mean(0), atol=1e-6, rtol=0)


def test_tf1_format_is_read(tf1: Path) -> None:
    assert {"bilm/char_embed", "bilm/RNN_0/RNN/MultiRNNCell/Cell0/rnn/lstm_cell/projection/kernel"} < keys(tf1)
    assert_read(tf1)


def test_tf2_format_is_read(tf2: Path) -> None:
    assert "_CHECKPOINTABLE_OBJECT_GRAPH" in keys(tf2)
    assert not any("char_embed" in key for key in keys(tf2))
    assert_read(tf2)


def test_tf1_module_saved_again_in_tf2_is_read(tf1: Path, tmp_path: Path) -> None:
    """How version 3 of the published model came from version 2: its keys are ``variables/3/...``."""
    import tensorflow as tf

    module = tf.saved_model.load(str(tf1), tags=["serve"])
    tf.saved_model.save(module, str(tmp_path), signatures=module.signatures)
    assert "variables/3/.ATTRIBUTES/VARIABLE_VALUE" in keys(tmp_path)
    assert_read(tmp_path)


def test_zip_tar_folder_and_both_formats_of_equal_weights_have_one_fingerprint(tmp_path: Path) -> None:
    model = random_model(7)  # without a mix of its own, which only a SavedModel can carry
    folder = write_folder(model, tmp_path / "folder")
    handles = [
        folder,
        write_zip(folder, tmp_path / "model.zip"),
        write_tar(folder, tmp_path / "model.tar.gz"),
        savedmodels.write_variables(savedmodels.variables(model), tmp_path / "tf2"),
        savedmodels.write_tf1(model, tmp_path / "tf1"),
        write_tar(tmp_path / "tf1", tmp_path / "hub.tar.gz"),
    ]
    assert {load_model(str(handle)).fingerprint() for handle in handles} == {model.fingerprint()}
    assert MODEL.fingerprint() != model.fingerprint()


@pytest.mark.parametrize("prefix", ["", "module/", "a/b/"])
def test_names_may_have_a_prefix(prefix: str, tmp_path: Path) -> None:
    values = {prefix + name: value for name, value in savedmodels.variables(MODEL).items()}
    assert_read(savedmodels.write_variables(values, tmp_path))


def test_names_may_end_as_those_of_tensors_do(tmp_path: Path) -> None:
    import tensorflow as tf

    values = savedmodels.variables(MODEL)
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").touch()
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "variables" / "variables"),
        tensor_names=[f"{name}:0" for name in values],
        shape_and_slices=[""] * len(values),
        tensors=list(values.values()),
    )
    assert_read(tmp_path)


@pytest.mark.parametrize(
    "model",
    [
        random_model(2, n_layers=1, n_highway=0),
        random_model(2, n_layers=3, n_highway=2, filters=((3, 2), (1, 5))),
        random_model(2, filters=((1, 4), (2, 4)), project_characters=False),
    ],
)
def test_sizes_come_from_shapes(model: Model, tmp_path: Path) -> None:
    assert_read(savedmodels.write_variables(savedmodels.variables(model), tmp_path), model)


def test_without_a_mix_layers_count_equally(tmp_path: Path) -> None:
    values = {name: value for name, value in savedmodels.variables(MODEL).items() if name.startswith("bilm/")}
    assert load_model(str(savedmodels.write_variables(values, tmp_path))).mix == Mix((0, 0, 0), 1)


def test_char_embed_without_the_row_of_no_token_and_with_one_that_is_not_zero(tmp_path: Path) -> None:
    values = savedmodels.variables(MODEL)
    values["bilm/char_embed"] = MODEL.arrays["character_embedding"][1:]
    assert_read(savedmodels.write_variables(values, tmp_path / "261"))
    values["bilm/char_embed"] = np.concatenate([np.full((1, 4), 9, np.float32), values["bilm/char_embed"]])
    assert_read(savedmodels.write_variables(values, tmp_path / "262"))


def test_variables_of_training_and_of_state_are_left_out(tmp_path: Path) -> None:
    values = savedmodels.variables(MODEL)
    extras = ["global_step", "beta1_power", "bilm/char_embed/Adam_1", "Adam/m/bilm/CNN/W_cnn_0", "bilm/Variable_3"]
    values.update({name: np.zeros((2, 3), np.float32) for name in extras})
    assert_read(savedmodels.write_variables(values, tmp_path))


def test_what_a_checkpoint_keeps_besides_variables_is_left_out(tmp_path: Path) -> None:
    import tensorflow as tf

    class State(tf.train.experimental.PythonState):
        def serialize(self) -> str:
            return "42"

        def deserialize(self, value: str) -> None:
            raise AssertionError(value)

    module = tf.Module()
    module.kept = [tf.Variable(value, name=name) for name, value in savedmodels.variables(MODEL).items()]
    module.state = State()
    tf.saved_model.save(module, str(tmp_path))
    assert any(key.startswith("state/") for key in keys(tmp_path))
    assert_read(tmp_path)


CELL = "bilm/RNN_1/RNN/MultiRNNCell/Cell1/rnn/lstm_cell"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("bilm/char_embed", None, ["0 variables called char_embed", "expected one"]),
        ("bilm/CNN/b_cnn_1", None, ["missing", "CNN/b_cnn_1"]),
        ("bilm/CNN_high_0/W_transform", None, ["missing", "CNN_high_0/W_transform"]),
        ("bilm/CNN_proj/W_proj", None, ["missing", "CNN_proj/W_proj"]),
        (f"{CELL}/kernel", None, ["missing", "RNN_1", "Cell1", "kernel"]),
        (f"{CELL}/projection/kernel", None, ["missing", "RNN_1", "projection/kernel"]),
        ("aggregation/scaling", None, ["missing", "aggregation/scaling"]),
        ("bilm/more", np.zeros(2, np.float32), ["surplus", "more"]),
        ("head/dense/kernel", np.zeros(2, np.float32), ["surplus", "head/dense/kernel"]),
        ("copy/bilm/char_embed", np.zeros((262, 4), np.float32), ["2 variables called char_embed"]),
        ("bilm/char_embed", np.zeros((100, 4), np.float32), ["char_embed", "(100, 4)", "261 or 262 rows"]),
        ("bilm/char_embed", np.zeros(262, np.float32), ["char_embed", "(262,)", "261 or 262 rows"]),
        ("bilm/CNN/W_cnn_1", np.zeros((1, 2, 5, 8), np.float32), ["CNN/W_cnn_1", "(1, 2, 5, 8)", "(1, 2, 4, 8)"]),
        ("bilm/CNN/W_cnn_1", np.zeros(5, np.float32), ["CNN/W_cnn_1", "(5,)", "expected 4 axes"]),
        (f"{CELL}/bias", np.zeros(5, np.float32), ["bias", "(5,)", "expected (64,)"]),
        (f"{CELL}/bias", np.full(64, np.nan, np.float32), ["backward_1_bias", "NaN"]),
        ("aggregation/weights", np.zeros(4, np.float32), ["aggregation/weights", "(4,)", "(3,)"]),
        ("aggregation/scaling", np.float32(np.nan), ["mix", "finite"]),
    ],
)
def test_variables_that_are_not_those_of_an_elmo_are_refused(
    name: str, value: np.ndarray | None, words: list[str], tmp_path: Path
) -> None:
    values = savedmodels.variables(MODEL)
    values.pop(name, None)
    if value is not None:
        values[name] = value
    with refused(str(tmp_path), *words):
        load_model(str(savedmodels.write_variables(values, tmp_path)))


@pytest.mark.parametrize("without", ["CNN_proj", "projection/kernel", "RNN_", "CNN/"])
def test_parts_that_are_missing_altogether_are_refused(without: str, tmp_path: Path) -> None:
    values = {name: value for name, value in savedmodels.variables(MODEL).items() if without not in name}
    with refused("missing", without):
        load_model(str(savedmodels.write_variables(values, tmp_path)))


def test_two_variables_of_one_name_are_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.kept = [tf.Variable(0.0, name="bilm/char_embed"), tf.Variable(1.0, name="bilm/char_embed")]
    tf.saved_model.save(module, str(tmp_path))
    with refused("two variables", "bilm/char_embed"):
        load_model(str(tmp_path))


def test_another_saved_model_is_refused(tmp_path: Path) -> None:
    savedmodels.write_variables({"dense/kernel": np.zeros((2, 2), np.float32)}, tmp_path)
    with refused("0 variables called char_embed", "dense/kernel", "expected one"):
        load_model(str(tmp_path))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"shape": [-5], "size": 8}, ["SIGABRT"]),
        ({"shape": [2**40, 2**40], "size": 8}, ["SIGABRT"]),
        ({"shape": [4], "dtype": 99, "size": 16}, ["SIGABRT"]),
        ({"shape": [2**33], "size": 2**35}, ["variables have 34359738368 bytes", "at most 17179869184"]),
        ({"shape": [4], "size": 2**62}, ["Invalid size"]),
        ({"shape": [4], "size": 16, "offset": -3}, ["can't be read"]),
    ],
)
def test_indexes_with_right_checksums_that_make_no_sense_end_no_process_of_ours(
    entry: dict[str, Any], words: list[str], tmp_path: Path
) -> None:
    """TensorFlow's reader aborts its process at some of them."""
    (tmp_path / "saved_model.pb").touch()
    write_index(tmp_path / "variables" / "variables", {"char_embed": entry})
    with refused(str(tmp_path), "expected", *words):
        load_model(str(tmp_path))


def test_a_key_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").touch()
    write_index(tmp_path / "variables" / "variables", {"bilm/\udcff": {"shape": [2], "size": 8}})
    with refused(str(tmp_path), "expected", "fetch the model again"):
        load_model(str(tmp_path))


def test_a_reader_that_ended_for_want_of_questions_is_replaced(tf2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint._stop()
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "IDLE_S", 0.1)
        assert_read(tf2)
    (child,) = checkpoint._children
    assert child._process.wait() == 0
    assert_read(tf2)
    assert checkpoint._children != [child]


@pytest.mark.parametrize("name", ["elmo_output", "0", "a_b"])
@pytest.mark.parametrize("scope", ["aggregation/", ""])
def test_mix_as_deeppavlov_and_bilm_tf_name_it(scope: str, name: str, tmp_path: Path) -> None:
    values = {f"module/{key}": value for key, value in savedmodels.variables(MODEL).items()}
    values[f"module/{scope}{name}_ELMo_W"] = values.pop("module/aggregation/weights")
    values[f"module/{scope}{name}_ELMo_gamma"] = values.pop("module/aggregation/scaling").reshape(1)
    assert_read(savedmodels.write_variables(values, tmp_path))


def test_two_mixes_are_refused_by_name(tmp_path: Path) -> None:
    values = savedmodels.variables(MODEL)
    for name in ("input", "output"):
        values[f"{name}_ELMo_W"], values[f"{name}_ELMo_gamma"] = np.zeros(3, np.float32), np.ones(1, np.float32)
    with refused("found the mixes", "input_ELMo_W", "expected one mix"):
        load_model(str(savedmodels.write_variables(values, tmp_path)))


@pytest.mark.parametrize("file", ["variables.index", "variables.data-00000-of-00001"])
@pytest.mark.parametrize("content", [None, b"", b"not a checkpoint" * 100])
def test_broken_checkpoints_are_refused(file: str, content: bytes | None, tf2: Path, tmp_path: Path) -> None:
    shutil.copytree(tf2, tmp_path, dirs_exist_ok=True)
    (tmp_path / "variables" / file).unlink()
    if content is not None:
        (tmp_path / "variables" / file).write_bytes(content)
    with refused("can't be read", "fetch the model again"):
        load_model(str(tmp_path))


def test_a_changed_byte_in_a_checkpoint_is_refused(tf2: Path, tmp_path: Path) -> None:
    shutil.copytree(tf2, tmp_path, dirs_exist_ok=True)
    data = tmp_path / "variables" / "variables.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[1000] ^= 1
    data.write_bytes(content)
    with refused("can't be read", "fetch the model again"):
        load_model(str(tmp_path))
