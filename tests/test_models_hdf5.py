"""Folders with an options.json and an .hdf5, as AllenNLP, bilm-tf, NLPL and simple_elmo leave them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from elmo_udf.models import Mix, load_model
from tests import numpy_elmo
from tests.make_models import random_model
from tests.model_files import hdf5_variables, options_json, write_folder, write_hdf5
from tests.refusals import refused

MODEL = random_model(1)


def write(folder: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> str:
    """A folder with MODEL, its options and variables changed by ``change`` first."""
    options, variables = options_json(MODEL), hdf5_variables(MODEL)
    change(options, variables)
    folder.mkdir(exist_ok=True)
    (folder / "options.json").write_text(json.dumps(options))
    write_hdf5(folder / "weights.hdf5", variables)
    return str(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"n_highway": 0},
        {"n_highway": 2, "activation": "tanh"},
        {"n_layers": 1, "residual": False},
        {"n_layers": 3, "cell_clip": None, "projection_clip": None},
        {"cell_clip": 2.5, "projection_clip": 0.5, "filters": ((4, 3), (1, 2))},
        {"filters": ((1, 4), (2, 4)), "project_characters": False},
        {"filters": ((1, 4), (2, 4)), "project_characters": True},
        {"cell_dim": 8},
    ],
)
def test_every_option_of_the_network_is_honoured(changes: dict[str, Any], tmp_path: Path) -> None:
    model = random_model(3, **changes)
    read = load_model(str(write_folder(model, tmp_path / "model")))
    assert read.options == model.options
    assert read.fingerprint() == model.fingerprint()
    assert read.mix == Mix((0.0,) * (model.options.n_layers + 1), 1.0)
    assert read.handle == str(tmp_path / "model")
    assert not read.note


@pytest.mark.parametrize(
    ("options_name", "weights_name"),
    [
        ("elmo_2x1024_128_options.json", "elmo_2x1024_128_weights.hdf5"),
        ("options.json", "model.hdf5"),
        ("OPTIONS.JSON", "WEIGHTS.HDF5"),
        ("options.json.txt", "weights.h5"),
    ],
)
def test_names_of_files_vary(options_name: str, weights_name: str, tmp_path: Path) -> None:
    folder = write_folder(MODEL, tmp_path / "model", options_name, weights_name)
    (folder / "vocab.txt").write_text("<S>\n</S>\n<UNK>\n")
    (folder / "meta.json").write_text("{}")
    (folder / "._options.json").write_text("left by macOS")
    assert load_model(str(folder)).fingerprint() == MODEL.fingerprint()


def test_what_bilm_tf_takes_as_absent_may_be_absent(tmp_path: Path) -> None:
    model = random_model(
        2, n_layers=1, n_highway=0, cell_clip=None, projection_clip=None, residual=False, activation="tanh"
    )
    options = options_json(model)
    for key in ("n_layers", "cell_clip", "proj_clip", "use_skip_connections"):
        del options["lstm"][key]
    for key in ("n_highway", "n_characters", "max_characters_per_token"):
        del options["char_cnn"][key]
    folder = write_folder(model, tmp_path / "model")
    (folder / "options.json").write_text(json.dumps({**options, "bidirectional": True, "dropout": 0.1}))
    assert load_model(str(folder)).fingerprint() == model.fingerprint()


@pytest.mark.parametrize("n_characters", [261, 262])
def test_n_characters_may_be_that_of_training_or_of_use(n_characters: int, tmp_path: Path) -> None:
    handle = write(tmp_path, lambda options, _: options["char_cnn"].update(n_characters=n_characters))
    assert load_model(handle).fingerprint() == MODEL.fingerprint()


def test_char_embed_of_262_rows_whose_first_is_no_token(tmp_path: Path) -> None:
    handle = write(tmp_path, lambda _, v: v.update(char_embed=MODEL.arrays["character_embedding"]))
    assert load_model(handle).fingerprint() == MODEL.fingerprint()


def test_char_embed_of_262_rows_from_a_training_with_n_characters_262(tmp_path: Path) -> None:
    never_used = np.full((1, 4), 7.0, np.float32)
    handle = write(tmp_path, lambda _, v: v.update(char_embed=np.concatenate([v["char_embed"], never_used])))
    assert load_model(handle).fingerprint() == MODEL.fingerprint()


def test_fewer_characters_in_training_are_told(tmp_path: Path) -> None:
    handle = write(tmp_path, lambda options, _: options["char_cnn"].update(max_characters_per_token=20))
    model = load_model(handle)
    assert "at most 20 characters" in model.note
    assert model.fingerprint() == MODEL.fingerprint()


def test_variables_of_training_are_left_out(tmp_path: Path) -> None:
    extras = {"softmax/W": np.zeros((9, 8)), "softmax/b": np.zeros(9), "embedding": np.zeros((9, 8))}
    extras |= {"global_step": np.int64(1200), "beta1_power": np.float32(0.9), "slots/char_embed/Adam_1": np.zeros(2)}
    assert load_model(write(tmp_path, lambda _, v: v.update(extras))).fingerprint() == MODEL.fingerprint()


def test_lstm_without_projection(tmp_path: Path) -> None:
    """Where dim equals projection_dim, bilm-tf has no projection in the cell: as if it were the identity."""
    model = random_model(4, cell_dim=8, projection_clip=None)
    identity = {name: np.eye(8) for name in model.arrays if name[-12:] in ("0_projection", "1_projection")}
    folder = write_folder(model, tmp_path / "model")
    variables = {name: value for name, value in hdf5_variables(model).items() if not name.endswith("W_P_0")}
    write_hdf5(folder / "weights.hdf5", variables)
    options = options_json(model)
    options["lstm"]["proj_clip"] = 0.01  # TensorFlow clips the result of a projection only
    (folder / "options.json").write_text(json.dumps(options))
    read = load_model(str(folder))
    assert len(identity) == 4
    assert all((read.arrays[name] == value).all() for name, value in identity.items())
    assert read.options == model.options


def test_one_layer_without_the_name_of_many(tmp_path: Path) -> None:
    model = random_model(5, n_layers=1)
    folder = write_folder(model, tmp_path / "model")
    variables = {name.replace("MultiRNNCell/Cell0/", ""): value for name, value in hdf5_variables(model).items()}
    write_hdf5(folder / "weights.hdf5", variables)
    assert load_model(str(folder)).fingerprint() == model.fingerprint()


def test_real_model_of_bilm_tf(shared: Path, tmp_path: Path) -> None:
    """Its first sentence through the slow network: the variables are where they belong."""
    fixture = shared / "fixtures" / "bilm-tf"
    for name in ("options.json", "lm_weights.hdf5"):
        shutil.copy(fixture / name, tmp_path / name)
    model = load_model(str(tmp_path))
    assert (model.options.n_highway, model.options.residual, model.options.n_filters) == (2, False, 124)
    sentence = json.loads((fixture / "lm_embeddings_sentences.json").read_text())[0][0].split()
    expected = np.load(fixture / "stateless.npz")["s0_0"]  # (3, T, 32)
    found = numpy_elmo.layers(model, sentence)
    for layer, name in enumerate(("word_emb", "lstm_outputs1", "lstm_outputs2")):
        values = np.tile(found[name], 2) if name == "word_emb" else found[name]
        np.testing.assert_allclose(values, expected[layer], atol=2e-6, rtol=0)


def test_more_than_one_weights_file_is_refused_by_name(shared: Path, tmp_path: Path) -> None:
    for path in (shared / "fixtures" / "bilm-tf").iterdir():
        shutil.copy(path, tmp_path / path.name)
    with refused("exactly one", "lm_embeddings_0.hdf5", "lm_weights.hdf5"):
        load_model(str(tmp_path))


def test_folder_without_one_of_the_files_is_refused(tmp_path: Path) -> None:
    folder = write_folder(MODEL, tmp_path / "model")
    (folder / "weights.hdf5").rename(folder / "weights.bin")
    with refused("weights file (.hdf5)", "none", "exactly one"):
        load_model(str(folder))
    (folder / "weights.bin").rename(folder / "weights.hdf5")
    (folder / "options.json").rename(folder / "config.json")
    with refused("options file", "none", "exactly one"):
        load_model(str(folder))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda o, v: v.pop("CNN_high_0/b_carry"), ["missing", "CNN_high_0/b_carry", "weights.hdf5"]),
        (lambda o, v: v.pop("char_embed"), ["missing", "char_embed"]),
        (lambda o, v: v.pop("RNN_1/RNN/MultiRNNCell/Cell1/LSTMCell/W_P_0"), ["missing", "RNN_1", "Cell1", "W_P_0"]),
        (lambda o, v: v.update(more=np.zeros(2)), ["surplus", "more"]),
        (lambda o, v: v.clear(), ["missing", "and 21 more"]),
        (lambda o, v: o["char_cnn"].update(n_highway=2), ["missing", "CNN_high_1/W_carry"]),
        (lambda o, v: o["char_cnn"].update(n_highway=0), ["surplus", "CNN_high_0/W_carry"]),
        (lambda o, v: o["lstm"].update(n_layers=1), ["surplus", "RNN_0/RNN/MultiRNNCell/Cell1"]),
        (lambda o, v: o["lstm"].update(dim=17), ["W_0", "(16, 64)", "expected (16, 68)"]),
        (lambda o, v: o["char_cnn"].update(filters=[[1, 4], [2, 8], [4, 8]]), ["CNN/W_cnn_2", "(1, 4, 4, 8)"]),
        (lambda o, v: v["char_embed"].resize((100, 4), refcheck=False), ["char_embed", "(100, 4)", "261 or 262"]),
        (lambda o, v: v.update({"CNN_proj/W_proj": v["CNN_proj/W_proj"].T}), ["W_proj", "(8, 20)", "(20, 8)"]),
        (lambda o, v: v.update({"CNN/b_cnn_0": np.full(4, np.nan)}), ["filter_0_bias", "NaN"]),
        (lambda o, v: v.update({"CNN/b_cnn_0": np.full(4, b"x")}), ["CNN/b_cnn_0", "floating point"]),
        (lambda o, v: o["char_cnn"].update(n_characters=100), ["options.json", "n_characters", "100", "261 or 262"]),
        (lambda o, v: o["char_cnn"].update(activation="selu"), ["options.json", "activation", "'selu'"]),
        (lambda o, v: o["lstm"].pop("dim"), ["options.json", "'dim'", "missing"]),
        (lambda o, v: o.pop("char_cnn"), ["options.json", "'char_cnn'", "missing"]),
        (lambda o, v: o.update(lstm=[]), ["options.json", "not the options"]),
        (lambda o, v: o["lstm"].update(cell_clip=-3), ["options.json", "cell_clip", "-3"]),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    change: Callable[[dict[str, Any], dict[str, Any]], object], words: list[str], tmp_path: Path
) -> None:
    def copied(options: dict[str, Any], variables: dict[str, Any]) -> None:
        variables.update({name: value.copy() for name, value in variables.items()})
        change(options, variables)

    with refused(*words):
        load_model(write(tmp_path, copied))


@pytest.mark.parametrize("text", ["{", "[]", '"lstm"', "", "\x00\xff"])
def test_broken_options_are_refused(text: str, tmp_path: Path) -> None:
    folder = write_folder(MODEL, tmp_path / "model")
    (folder / "options.json").write_text(text)
    with refused("options.json", "expected"):
        load_model(str(folder))


@pytest.mark.parametrize("n_bytes", [0, 100, 5000])
def test_truncated_weights_are_refused(n_bytes: int, tmp_path: Path) -> None:
    folder = write_folder(MODEL, tmp_path / "model")
    weights = (folder / "weights.hdf5").read_bytes()
    (folder / "weights.hdf5").write_bytes(weights[:n_bytes])
    with refused("weights.hdf5", "HDF5", "fetch the model again"):
        load_model(str(folder))


def test_thousands_of_groups_inside_of_each_other_are_refused_soon(tmp_path: Path) -> None:
    folder = write_folder(MODEL, tmp_path / "model")
    with h5py.File(folder / "weights.hdf5", "a") as file:
        group: Any = file
        for _ in range(1500):
            group = group.create_group("g")
    started = time.perf_counter()
    with refused("weights.hdf5", "more than 20 deep"):
        load_model(str(folder))
    assert time.perf_counter() - started < 2  # 34 s for 3,000 groups, if all are visited


def test_a_key_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    folder = write_folder(MODEL, tmp_path / "model")
    with h5py.File(folder / "weights.hdf5", "a") as file:
        h5py.h5g.create(file.id, b"\xff\xfe")
    with refused("weights.hdf5", r"b'\xff\xfe' is not UTF-8"):
        load_model(str(folder))


@pytest.mark.parametrize("kind", ["external", "virtual"])
def test_values_in_another_file_are_refused(kind: str, tmp_path: Path) -> None:
    """HDF5 would read any file of this machine that a model names."""
    folder, secret = write_folder(MODEL, tmp_path / "model"), tmp_path / "secret"
    values = MODEL.arrays["forward_0_bias"]
    write_hdf5(secret, {"secret": values})
    name = "RNN_0/RNN/MultiRNNCell/Cell0/LSTMCell/B"
    with h5py.File(folder / "weights.hdf5", "a") as file:
        del file[name]
        if kind == "external":
            file.create_dataset(name, values.shape, values.dtype, external=[(str(secret), 0, values.nbytes)])
        else:
            layout = h5py.VirtualLayout(values.shape, values.dtype)
            layout[:] = h5py.VirtualSource(str(secret), "secret", values.shape)
            file.create_virtual_dataset(name, layout)
    with refused("LSTMCell/B", "in another file"):
        load_model(str(folder))
