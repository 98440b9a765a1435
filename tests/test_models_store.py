"""The file that carries a model to executors, and the model that is always there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from elmo_udf import __version__
from elmo_udf.models import Mix, builtin, load_model, store
from tests import numpy_elmo
from tests.make_models import random_model
from tests.refusals import refused


@pytest.mark.parametrize(
    "changes",
    [{}, {"cell_clip": None, "residual": False}, {"filters": ((1, 4), (2, 4)), "project_characters": False}],
)
def test_a_model_comes_back_as_it_was(changes: dict[str, object], tmp_path: Path) -> None:
    model = random_model(1, mix=Mix((0.1, 0.2, 0.3), 0.4), **changes)
    store.save(model, tmp_path / "model.npz")
    read = store.load(str(tmp_path / "model.npz"))
    assert (read.options, read.mix, read.handle, read.note) == (model.options, model.mix, model.handle, model.note)
    assert read.fingerprint() == model.fingerprint()
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]


def test_saving_replaces_and_adds_no_suffix(tmp_path: Path) -> None:
    for seed in (1, 2):
        store.save(random_model(seed), str(tmp_path / "model"))
    assert store.load(tmp_path / "model").fingerprint() == random_model(2).fingerprint()


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(random_model(1), tmp_path / "model.npz")

    def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="disk full"):
        store.save(random_model(2), tmp_path / "model.npz")
    assert store.load(tmp_path / "model.npz").fingerprint() == random_model(1).fingerprint()
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]


def test_files_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    with refused("model.npz", "No such file"):
        store.load(path)
    store.save(random_model(1), path)
    whole = path.read_bytes()
    for content in (b"", b"hello", whole[:-100], whole[:2000], whole[:5000] + b"\xff\xff" + whole[5002:]):
        path.write_bytes(content)
        with refused("model.npz", "can't be read", "write it again"):
            store.load(path)


def test_missing_arrays_and_other_formats_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.npz"
    store.save(random_model(1), path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(path, **{name: array for name, array in arrays.items() if name != "forward_0_bias"})
    with refused("missing", "forward_0_bias"):
        store.load(path)
    np.savez(path, **{name: array for name, array in arrays.items() if name != "header"})
    with refused("header"):
        store.load(path)
    with monkeypatch.context() as later:
        later.setattr(store, "FORMAT", 2)
        store.save(random_model(1), path)
    with refused("format 2", "reads formats up to 1", f"install elmo-udf {__version__}"):
        store.load(path)


def test_builtin_models_are_the_same_everywhere_and_say_what_they_are() -> None:
    """A change here makes tables of the model before incomparable: say so in the changelog."""
    for handle, fingerprint, word in [
        ("builtin:mini", "38e503489ffd8086", "small"),
        ("builtin:untrained", "452f366818b2a20a", "random"),
    ]:
        model = load_model(handle)
        assert (model.fingerprint(), model.handle) == (fingerprint, handle)
        assert word in model.note
        assert model.options.layer_names == ("word_emb", "lstm_outputs1", "lstm_outputs2")
    with refused("the package has no such model", "builtin:mini or builtin:untrained"):
        load_model("builtin:maxi")
    with refused("is not fetched"):
        load_model("builtin:mini", sha256="0" * 64)


def test_mini_is_small_and_has_its_card() -> None:
    folder = builtin.MINI_FILE.parent
    assert builtin.MINI_FILE.stat().st_size < 15e6
    card = (folder / "MODEL_CARD.md").read_text("utf-8")
    for word in ("OpenStax", "Rice University", "CC BY 4.0", "Perplexity", "Don't use it"):
        assert word in card
    assert (folder / "training.csv").exists() and (folder / "training.png").exists()


@pytest.mark.parametrize("handle", ["builtin:mini", "builtin:untrained"])
def test_builtin_models_tell_texts_apart(handle: str) -> None:
    model = load_model(handle)
    texts = ["Return the absolute value of a number .", "Returns absolute value of the argument .", "the cat sat"]
    layers = [numpy_elmo.layers(model, text.split()) for text in texts]
    for layer in ("word_emb", "lstm_outputs1", "lstm_outputs2", "elmo"):
        values = np.concatenate([outputs[layer] for outputs in layers])
        assert 0.1 < values.std() < 2
        means = np.array([outputs[layer].mean(0) for outputs in layers])
        unit = means / np.linalg.norm(means, axis=1, keepdims=True)
        twins, strangers = unit[0] @ unit[1], unit[0] @ unit[2]
        assert twins > 0.6
        assert strangers < twins - 0.15


def test_mini_needs_neither_tensorflow_nor_spark() -> None:
    program = (
        "import sys; from elmo_udf.models import load_model; load_model('builtin:mini'); "
        "assert not {'tensorflow', 'pyspark', 'h5py', 'tensorflow_hub'} & set(sys.modules)"
    )
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
