"""Published numbers beside those of a model: a SavedModel made here, and what the numpy reference gets from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from published_numbers import verify
from published_records import Record, _record, read_records
from verify_published import main

from elmo_udf.errors import UserError
from elmo_udf.models.form import Mix
from elmo_udf.network.engine import Network
from tests import numpy_elmo
from tests.make_models import random_model
from tests.refusals import refused
from tests.savedmodels import variables, write_variables

TEXTS = ["the cat ate apple", "An apple a day"]
PADDED = ["one two three", "one"]
MODEL = random_model(6, Mix((0.3, -0.5, 0.9), 1.7))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_variables(variables(MODEL), tmp_path_factory.mktemp("verify") / "elmo")


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(MODEL)


def outputs(text: str, name: str) -> np.ndarray:
    """What people printed of a text alone, split at spaces: (T, width)."""
    return numpy_elmo.layers(MODEL, text.split(" "))[name]


def ends(row: np.ndarray) -> dict[str, list[float]]:
    return {"first3": row[:3].tolist(), "last3": row[-3:].tolist()}


def cosines(vectors: np.ndarray) -> np.ndarray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


def records() -> list[dict[str, Any]]:
    """Records of every structure, with the numbers of the model itself; those that prove nothing have other numbers."""
    elmo = [outputs(text, "elmo") for text in TEXTS]
    alone = np.array([outputs(text, "elmo").mean(axis=0) for text in PADDED])
    top = np.array([outputs(text, "lstm_outputs2")[2] for text in TEXTS])
    hub = {"model": "google/elmo/3", "signature": "default", "output": "elmo"}
    one = hub | {"model": "google/elmo/2", "output": "elmo, mean over axis 1, ONE sentence per call"}
    both = hub | {"output": "elmo, mean over axis 1, both sentences in one call"}
    rows = {f"[{i}][{j}]": ends(elmo[i][j]) for i, j in [(0, 2), (1, -1)]}
    means = [ends(row)["first3"] + ends(row)["last3"] for row in alone]
    words = ends(outputs(TEXTS[0], "word_emb")[0])
    nines = {"first3": [9.0, 9.0, 9.0]}
    return [
        hub | {"id": "tokens", "batch": TEXTS, "rows": rows, "shape": [2, 4, 16], "source": "somewhere"},
        hub | {"id": "alone", "batch": TEXTS[:1], "rows": {"1": {"first5": elmo[0][1][:5].tolist()}}},
        one | {"id": "means", "sentences": PADDED, "cosine": cosines(alone).tolist(), "first3_last3": means},
        hub | {"id": "default", "output": "default", "batch": PADDED, "rows": {"1": ends(alone[1])}},
        hub | {"id": "words", "output": "word_emb", "batch": TEXTS[:1], "rows": {"0": words}},
        hub
        | {"id": "top", "output": "top layer token 2", "batch": [text.split() for text in TEXTS]}
        | {"cosine_distance": float(1 - cosines(top)[0, 1])},
        hub | {"id": "padded", "batch": PADDED, "rows": {"[1][-1]": {"comment": "no token"} | nines}},
        both | {"id": "mean of padding", "batch": PADDED, "cosine_pair": 9.0},
        one | {"id": "old mean", "output": "default", "batch": PADDED, "rows": {"1": nines}},
        one | {"id": "old", "model": "google/elmo/1", "batch": TEXTS, "cosine_pair": 9.0},
        hub | {"id": "other", "model": "Another NLP", "batch": ["Ate."], "tokens": ["Ate", "."], "rows": {"1": nines}},
    ]


@pytest.fixture
def reference(tmp_path: Path) -> Callable[[list[dict[str, Any]]], Path]:
    def write(records: list[dict[str, Any]]) -> Path:
        path = tmp_path / "reference.json"
        path.write_text(json.dumps({"note": "made by a test", "records": records}))
        return path

    return write


Write = Callable[[list[dict[str, Any]]], Path]


def test_numbers_of_the_model_itself_agree(folder: Path, reference: Write, capsys: Any) -> None:
    assert main([str(folder), "--reference", str(reference(records()))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "49 numbers agree within 0.001, 0 do not, 11 are only shown"
    assert len(lines) == 1 + 49 + 11 + 2
    shown = {line.partition("  ")[0]: line.partition(" only shown: ")[2] for line in lines if " only shown: " in line}
    assert shown == {
        "padded": "padding: text 1 ends after 1 of the 3 tokens of its call",
        "mean of padding": "padding: texts of 3 and 1 tokens in one call, and a mean over the longest",
        "old mean": "padding: texts of 3 and 1 tokens in one call, and a mean over the longest",
        "old": "another version: google/elmo/1",
        "other": "another program: Another NLP",
    }


def test_a_number_that_is_off(folder: Path, reference: Write, capsys: Any) -> None:
    wrong = records()
    wrong[0]["rows"]["[0][2]"]["last3"][1] += 2e-3
    assert main([str(folder), "--reference", str(reference(wrong))]) == 1
    failed = [line.split() for line in capsys.readouterr().out.splitlines() if line.endswith("FAILED")]
    assert [row[:3] for row in failed] == [["tokens", "[0][2]", "last3[1]"]]
    expected, found = wrong[0]["rows"]["[0][2]"]["last3"][1], outputs(TEXTS[0], "elmo")[2][-2]
    assert [float(number) for number in failed[0][3:6]] == pytest.approx([expected, found, 2e-3], abs=2e-6)


@pytest.mark.parametrize(("error", "fails"), [(5e-4, False), (-5e-4, False), (-2e-3, True), (float("nan"), True)])
def test_how_far_a_number_may_be_off(network: Network, error: float, fails: bool) -> None:
    expected = (outputs("a b", "elmo")[0][:1] + error).tolist()
    (row,) = verify([read_one(RECORD | {"rows": {"0": {"first1": expected}}})], network)
    assert row.fails is fails


def test_a_model_of_another_width_fails(reference: Write) -> None:
    path = reference([records()[0] | {"shape": [2, 4, 16, 1]}, records()[1]])
    wide = Network(random_model(1, projection_dim=2))  # four values a token, of which the second record wants five
    rows = list(verify(read_records(path), wide))
    assert all(row.fails for row in rows if row.place in ("shape[2]", "shape[3]", "1 first5[4]"))
    assert [row.place for row in rows if row.found is None] == ["shape[3]", "1 first5[4]"]


def test_padding_is_told_from_the_texts() -> None:
    """The record's own words and lengths decide, whatever its name is."""

    def reason(model: str, output: str, *texts: str) -> str:
        record = {"id": "r", "model": model, "output": output, "batch": texts}
        return read_one(record).reason

    assert reason("google/elmo/3", "elmo, mean over axis 1, in one call", "a b", "c").startswith("padding")
    assert not reason("google/elmo/3", "elmo, mean over axis 1, in one call", "a b", "c d")
    assert not reason("google/elmo/3", "elmo, mean over axis 1, one sentence a call", "a b", "c")
    assert not reason("google/elmo/3", "elmo", "a b", "c")
    assert not reason("google/elmo/3", "default", "a b", "c")
    assert reason("google/elmo/2", "default", "a b", "c").startswith("padding")


def read_one(record: dict[str, Any]) -> Record:
    return _record(record, "here")


RECORD = {"id": "r", "model": "google/elmo/3", "output": "elmo", "batch": ["a b"]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("no json", ("is not JSON",)),
        ("[]", ("has no records",)),
        ('{"records": []}', ("has no records",)),
        (json.dumps({"records": [{"id": "r"}]}), ("record 1", "lacks 'model'")),
        (json.dumps({"records": [RECORD | {"rank": 3}]}), ("record 1 (r)", "['rank']")),
        (json.dumps({"records": [RECORD | {"output": "magic"}]}), ("'magic'", "expected elmo, word_emb")),
    ],
)
def test_files_that_are_no_reference(tmp_path: Path, content: str, words: tuple[str, ...]) -> None:
    path = tmp_path / "reference.json"
    path.write_text(content)
    with refused(str(path), *words):
        read_records(path)
    with refused("can't be read"):
        read_records(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    "numbers",
    [{"rows": {"0": {"middle3": [1.0]}}}, {"rows": {"first": {}}}, {"rows": [1.0]}, {"cosine": [["x"]]}, {"shape": 3}],
)
def test_numbers_that_are_none(network: Network, numbers: dict[str, Any]) -> None:
    with refused("record 'r'", "can't be read"):
        list(verify([read_one(RECORD | numbers)], network))


def test_mistakes_are_one_line_and_exit_2(tmp_path: Path, capsys: Any) -> None:
    assert main(["builtin:mini", "--reference", str(tmp_path / "nowhere.json")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: reference file") and said.count("\n") == 1


def test_the_published_file_is_understood(network: Network, shared: Path) -> None:
    """Every number of it has its row; which of them count is known beforehand."""
    found = read_records(shared / "reference" / "hub_reference.json")
    rows = list(verify(found, network))
    only_shown = {row.record for row in rows if row.reason}
    assert only_shown == {"point_and_padding", "sparknlp_word_emb", "allennlp_apple_carrot", "coffee_tea"}
    padded = {row.place.partition("[1][-1]")[1] for row in rows if row.record == "point_and_padding" and row.reason}
    assert padded == {"[1][-1]"}
    content = json.loads((shared / "reference" / "hub_reference.json").read_text("utf-8"))
    counted = sum(n_numbers({key: r[key] for key in r.keys() & NUMBERS}) for r in content["records"])
    assert len(rows) == counted > 200


NUMBERS = {"shape", "rows", "first3_last3", "cosine", "cosine_pair", "cosine_distance"}


def n_numbers(value: Any) -> int:
    if isinstance(value, dict | list):
        return sum(map(n_numbers, value.values() if isinstance(value, dict) else value))
    return isinstance(value, int | float)


def test_a_layer_that_the_model_lacks(network: Network) -> None:
    with pytest.raises(UserError, match="lstm_outputs7"):
        list(verify([read_one(RECORD | {"output": "lstm_outputs7"})], network))
