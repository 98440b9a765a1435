"""Models in memory: what is refused, and what the fingerprint sees."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from elmo_udf.errors import UserError
from elmo_udf.models.form import Mix, Model
from tests.make_models import TINY, random_model
from tests.refusals import refused


def changed(model: Model, **arrays: np.ndarray) -> Model:
    return dataclasses.replace(model, arrays={**model.arrays, **arrays})


def test_fingerprint_is_of_weights_options_and_mix_and_of_nothing_else() -> None:
    model = random_model(1)
    same = dataclasses.replace(model, handle="elsewhere", note="looked at")
    assert same.fingerprint() == model.fingerprint() == random_model(1).fingerprint()
    bias = model.arrays["forward_0_bias"].copy()
    bias[-1] = np.nextafter(bias[-1], np.float32(9))
    others = [
        changed(model, forward_0_bias=bias),
        random_model(1, residual=False),
        random_model(1, activation="tanh"),
        random_model(1, cell_clip=None),
        random_model(1, projection_clip=2.0),
        random_model(1, mix=Mix((0, 0, 1), 1)),
        random_model(1, mix=Mix((0, 0, 0), 2)),
        random_model(2),
    ]
    assert len({model.fingerprint(), *(other.fingerprint() for other in others)}) == 1 + len(others)


def test_equal_numbers_of_other_types_have_one_fingerprint() -> None:
    model = random_model(1, mix=Mix((np.float64(0.1), 0, 0), 1), cell_clip=3, filters=[[1, 4], [2, 8], [3, 8]])
    other = random_model(1, mix=Mix((float(np.float32(0.1)), 0.0, 0.0), 1.0), cell_clip=3.0, n_layers=np.int64(2))
    assert model.fingerprint() == other.fingerprint()


def test_arrays_are_float32_and_cannot_be_written_to() -> None:
    model = changed(random_model(1), forward_0_bias=np.zeros(64, np.float64))
    assert {array.dtype for array in model.arrays.values()} == {np.dtype(np.float32)}
    with pytest.raises(ValueError, match="read-only"):
        model.arrays["forward_0_bias"][0] = 1
    with pytest.raises(TypeError):
        model.arrays["more"] = np.zeros(1)  # type: ignore[index]


def test_arrays_that_do_not_fit_are_refused() -> None:
    model = random_model(1)
    without = {name: array for name, array in model.arrays.items() if name != "filter_0_bias"}
    with refused("missing", "filter_0_bias", "surplus"):
        dataclasses.replace(model, arrays=without)
    with refused("surplus", "filter_9_bias"):
        changed(model, filter_9_bias=np.zeros(4))
    with refused("forward_0_bias", "(3,)", "expected (64,)"):
        changed(model, forward_0_bias=np.zeros(3))
    with refused("forward_0_bias", "int64", "floating point"):
        changed(model, forward_0_bias=np.zeros(64, np.int64))
    with refused("row 0", "character_embedding", "zero"):
        changed(model, character_embedding=np.ones((262, 4)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(bad: float) -> None:
    model = random_model(1)
    bias = model.arrays["backward_1_bias"].copy()
    bias[3] = bad
    with refused("backward_1_bias", "NaN or infinite"):
        changed(model, backward_1_bias=bias)
    with refused("mix", "finite"):
        random_model(1, mix=Mix((0, bad, 0), 1))


def test_mix_of_another_number_of_layers_is_refused() -> None:
    with refused("4 mix weights", "expected 3"):
        random_model(1, mix=Mix((0, 0, 0, 0), 1))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("activation", "gelu", ["activation", "'gelu'", "relu", "tanh"]),
        ("n_layers", 0, ["n_layers", "0", "1 or more"]),
        ("n_layers", True, ["n_layers", "True", "whole number"]),
        ("cell_dim", 2.5, ["cell_dim", "2.5", "whole number"]),
        ("cell_clip", 0, ["cell_clip", "0", "above 0"]),
        ("projection_clip", "3", ["projection_clip", "'3'", "number"]),
        ("residual", "yes", ["residual", "'yes'", "true or false"]),
        ("filters", [], ["filters", "[]", "pairs"]),
        ("filters", [[1, 2, 3]], ["filters", "pairs"]),
        ("filters", [[51, 3]], ["filters", "at most 50"]),
        ("project_characters", False, ["20 filters", "projection_dim of 8", "equal"]),
    ],
)
def test_options_that_cannot_be_a_networks_are_refused(name: str, value: object, words: list[str]) -> None:
    with refused(*words):
        dataclasses.replace(TINY, **{name: value})


def test_width_of_layers() -> None:
    model = random_model(1, n_layers=3)
    assert [model.width(layer) for layer in ("word_emb", "lstm_outputs1", "lstm_outputs3", "elmo")] == [8, 16, 16, 16]
    with refused("lstm_outputs4", "expected one of elmo, word_emb, lstm_outputs1"):
        model.width("lstm_outputs4")


def test_user_error_is_one_line() -> None:
    assert str(UserError("a model\n  of two lines\n")) == "a model of two lines"
