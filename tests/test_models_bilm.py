"""Checkpoints of bilm-tf's training, and folders of other programs that are named instead of read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_udf.models import Model, load_model
from tests.make_models import random_model
from tests.model_files import hdf5_variables, options_json, write_folder, write_zip
from tests.refusals import refused

MODEL = random_model(3)


def training_name(name: str) -> str:
    """The name that bilm-tf's training gives a variable of a weights file (the inverse of its dump_weights)."""
    name = re.sub("/RNN/", "/rnn/", name)
    name = re.sub("/MultiRNNCell/Cell", "/multi_rnn_cell/cell_", name)
    for in_file, in_training in (("W_0", "kernel"), ("B", "bias"), ("W_P_0", "projection/kernel")):
        name = re.sub(f"/LSTMCell/{in_file}$", f"/lstm_cell/{in_training}", name)
    return f"lm/{name}"


def write_checkpoint(model: Model, folder: Path, prefix: str = "model.ckpt-0", **more: Any) -> Path:
    """``folder`` with a checkpoint as bilm-tf's training leaves it: 261 characters, slots, softmax and counters."""
    import tensorflow as tf

    folder.mkdir(exist_ok=True)
    options = options_json(model)
    options["char_cnn"]["n_characters"] = 261
    (folder / "options.json").write_text(json.dumps({**options, "n_train_tokens": 1, "batch_size": 2}))
    values = {training_name(name): value for name, value in hdf5_variables(model).items()}
    values |= {f"{name}/Adagrad": np.full_like(value, 0.1) for name, value in values.items()}
    values |= {"lm/softmax/W": np.zeros((9, 8), np.float32), "lm/softmax/b": np.zeros(9, np.float32)}
    values |= {"global_step": np.int64(7), "train_perplexity": np.float32(40), **more}
    tf.raw_ops.SaveV2(
        prefix=str(folder / prefix),
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=list(values.values()),
    )
    return folder


@pytest.mark.parametrize("model", [MODEL, random_model(5, n_layers=1, activation="tanh", residual=False)])
def test_checkpoint_of_the_training_is_the_weights_file_that_it_dumps(model: Model, tmp_path: Path) -> None:
    read = load_model(str(write_checkpoint(model, tmp_path / "checkpoint")))
    dumped = load_model(str(write_folder(model, tmp_path / "dumped")))
    assert read.fingerprint() == dumped.fingerprint() == model.fingerprint()
    assert read.options == model.options


def test_one_layer_has_no_name_of_many(tmp_path: Path) -> None:
    import tensorflow as tf

    model = random_model(5, n_layers=1)
    values = {training_name(name).replace("multi_rnn_cell/cell_0/", ""): v for name, v in hdf5_variables(model).items()}
    (tmp_path / "options.json").write_text(json.dumps(options_json(model)))
    names = list(values)
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "m"),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=list(values.values()),
    )
    assert load_model(str(tmp_path)).fingerprint() == model.fingerprint()


def test_of_several_checkpoints_the_newest_is_read_where_a_file_names_it(tmp_path: Path) -> None:
    write_checkpoint(random_model(9), tmp_path, "model.ckpt-1")
    write_checkpoint(MODEL, tmp_path, "model.ckpt-2")
    with refused("2 checkpoints", "model.ckpt-1.index", "remove the others"):
        load_model(str(tmp_path))
    state = 'model_checkpoint_path: "/elsewhere/model.ckpt-2"\nall_model_checkpoint_paths: "model.ckpt-1"\n'
    (tmp_path / "checkpoint").write_text(state)
    assert load_model(str(tmp_path)).fingerprint() == MODEL.fingerprint()
    assert load_model(str(write_zip(tmp_path, tmp_path.with_suffix(".zip"), "a"))).fingerprint() == MODEL.fingerprint()


def test_checkpoint_without_its_options_is_refused(tmp_path: Path) -> None:
    write_checkpoint(MODEL, tmp_path)
    (tmp_path / "options.json").unlink()
    with refused("options file", "none", "put it beside the other files"):
        load_model(str(tmp_path))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["encoder.pkl", "token_embedder.pkl", "char.dic", "config.json"], ["ELMoForManyLangs", "vectors.nlpl.eu"]),
        (["pytorch_model.bin", "config.json"], ["PyTorch", "pytorch_model.bin"]),
        (["readme.txt", "notes.md"], ["found", "notes.md, ", "readme.txt;"]),
    ],
)
@pytest.mark.parametrize("below", ["", "a/b/"])
def test_other_folders_are_named(files: list[str], words: list[str], below: str, tmp_path: Path) -> None:
    for name in files:
        (tmp_path / below / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / below / name).touch()
    with refused(*words, "expected a saved_model.pb"):
        load_model(str(tmp_path))


def test_what_is_found_is_told_from_the_folder_that_was_named(tmp_path: Path) -> None:
    for name in ("one/a.txt", "two/b.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    with refused("found one/, two/;"):
        load_model(str(tmp_path))
    (tmp_path / "one" / "a.txt").unlink()
    (tmp_path / "one").rmdir()
    with refused("found two/b.txt;"):
        load_model(str(tmp_path))
