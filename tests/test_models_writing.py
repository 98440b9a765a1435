"""Models written in the layout of AllenNLP, read back, and refused where their mix is none."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_udf.models import Mix, Model, load_model
from elmo_udf.models.writing import write_allennlp
from tests import model_files
from tests.make_models import random_model
from tests.refusals import refused

CLIPS = st.none() | st.floats(0.01, 100)
SIZES = st.integers(1, 5)
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Small models of all shapes; half of them with a mix of their own."""
    n_layers, has_mix = draw(st.integers(1, 3)), draw(st.booleans())
    filters = draw(st.lists(st.tuples(st.integers(1, 7), SIZES), min_size=1, max_size=3))
    n_filters = sum(n for _, n in filters)
    project_characters = draw(st.booleans())
    return random_model(
        draw(st.integers(0, 99)),
        mix=Mix(tuple(draw(FLOATS) for _ in range(n_layers + 1)), draw(FLOATS)) if has_mix else None,
        character_dim=draw(SIZES),
        filters=tuple(filters),
        n_highway=draw(st.integers(0, 2)),
        activation=draw(st.sampled_from(["relu", "tanh"])),
        n_layers=n_layers,
        cell_dim=draw(SIZES),
        projection_dim=draw(SIZES) if project_characters else n_filters,
        cell_clip=draw(CLIPS),
        projection_clip=draw(CLIPS),
        residual=draw(st.booleans()),
        project_characters=project_characters,
    )


def datasets(path: Path) -> dict[str, np.ndarray]:
    """Every dataset of an HDF5 file by its name."""
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[...]}) if isinstance(item, h5py.Dataset) else None)
    return found


@settings(max_examples=60, deadline=None)
@given(models())
def test_what_is_written_is_read_back(model: Model) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_allennlp(model, Path(folder))
        read = load_model(folder)
        assert (read.options, read.mix, read.note) == (model.options, model.mix, "")
        assert read.fingerprint() == model.fingerprint()


@settings(max_examples=20, deadline=None)
@given(models())
def test_files_are_those_of_an_independent_writer(model: Model) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_allennlp(model, Path(folder))
        options = json.loads((Path(folder) / "options.json").read_text())
        found, expected = datasets(Path(folder) / "weights.hdf5"), model_files.hdf5_variables(model)
    assert options.pop("bidirectional") is True
    assert (options.pop("scalar_mix", None) is None) == (repr(model.mix) == repr(Mix.equal(model.options.n_layers)))
    assert options == model_files.options_json(model)
    assert found.keys() == expected.keys()
    assert all(found[name].dtype == np.float32 and (found[name] == expected[name]).all() for name in expected)


def test_equal_mix_is_left_out_and_another_is_kept_to_the_last_bit(tmp_path: Path) -> None:
    write_allennlp(random_model(1), tmp_path / "equal")
    assert "scalar_mix" not in json.loads((tmp_path / "equal" / "options.json").read_text())
    mix = Mix((0.1, -2 / 3, 1e-30), 1.7)
    write_allennlp(random_model(1, mix), tmp_path / "own")
    assert load_model(str(tmp_path / "own")).mix == mix


def test_files_are_replaced_whole_and_nothing_is_left_beside_them(tmp_path: Path) -> None:
    write_allennlp(random_model(1), tmp_path)
    write_allennlp(random_model(2), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["options.json", "weights.hdf5"]
    assert load_model(str(tmp_path)).fingerprint() == random_model(2).fingerprint()


def test_a_model_that_can_not_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_allennlp(random_model(1), tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(h5py.File, "__setitem__", full)
    with refused(str(tmp_path), "can't be written", "No space left"):
        write_allennlp(random_model(2), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["options.json", "weights.hdf5"]
    assert load_model(str(tmp_path)).fingerprint() == random_model(1).fingerprint()


def test_equal_models_are_equal_files(tmp_path: Path) -> None:
    """So that --model-sha256 can pin a model that is made again."""
    for name in ("first", "second"):
        write_allennlp(random_model(1), tmp_path / name)
    for file in ("options.json", "weights.hdf5"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_a_folder_that_can_not_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with refused("file/model", "can't be written", "another path"):
        write_allennlp(random_model(1), tmp_path / "file" / "model")


@pytest.mark.parametrize(
    "mix",
    [
        None,
        [],
        {},
        "equal",
        {"weights": [0, 0, 0]},
        {"gamma": 1},
        {"weights": [0, 0], "gamma": 1},
        {"weights": [0, 0, 0, 0], "gamma": 1},
        {"weights": 0, "gamma": 1},
        {"weights": {"0": 1}, "gamma": 1},
        {"weights": [0, 0, "0"], "gamma": 1},
        {"weights": [0, 0, None], "gamma": 1},
        {"weights": [0, 0, True], "gamma": 1},
        {"weights": [0, 0, float("nan")], "gamma": 1},
        {"weights": [0, 0, 0], "gamma": float("inf")},
        {"weights": [0, 0, 0], "gamma": 1e39},
        {"weights": [0, 0, 0], "gamma": 10**400},
        {"weights": [0, 0, 0], "gamma": None},
        {"weights": [0, 0, 0], "gamma": 1, "scale": 1},
    ],
)
def test_a_mix_that_is_none_is_refused(mix: Any, tmp_path: Path) -> None:
    write_allennlp(random_model(1), tmp_path)
    options = json.loads((tmp_path / "options.json").read_text())
    (tmp_path / "options.json").write_text(json.dumps({**options, "scalar_mix": mix}))
    with refused("options.json", "scalar_mix", "expected 3 numbers as weights", "gamma", "leave scalar_mix out"):
        load_model(str(tmp_path))
