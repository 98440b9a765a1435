"""Models of AllenNLP that were trained on top of an ELMo, in files that PyTorch wrote.

tests/data/torch has a tagger in both formats of torch.save (PyTorch 2.15, the second with
_use_new_zipfile_serialization=False). Its parameters are those of ``parameters(MODEL)``, and two of a tagger's own.
"""

from __future__ import annotations

import collections
import io
import os
import pickle
import shutil
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_udf.models import Mix, load_model
from elmo_udf.models.torch_file import read_tensors
from tests import allennlp_archives, numpy_elmo
from tests.fuzzing import damaged, done_or_one_line, run_cases
from tests.make_models import random_model
from tests.model_files import write_tar
from tests.refusals import refused

MODEL = random_model(8, mix=Mix((0.3, -0.2, 1.0), 0.7), filters=((1, 4), (3, 4)), cell_dim=12, projection_dim=6)
FORMATS = ["zip", "stream"]
SENTENCE = ["the", "cät", "x" * 60]


@pytest.fixture
def folder(request: pytest.FixtureRequest, root: Path, tmp_path: Path) -> Path:
    """The folder of an archive of AllenNLP whose weights are in the format of the parameter."""
    (tmp_path / "model" / "vocabulary").mkdir(parents=True)
    shutil.copy(root / "tests" / "data" / "torch" / f"{request.param}.th", tmp_path / "model" / "weights.th")
    (tmp_path / "model" / "config.json").write_text('{"model": {"type": "crf_tagger"}}')
    return tmp_path / "model"


@pytest.mark.parametrize("folder", FORMATS, indirect=True)
def test_file_has_the_parameters_that_are_documented_here(folder: Path) -> None:
    expected = allennlp_archives.parameters(MODEL)
    found = read_tensors(folder / "weights.th", lambda _: True, "here", 10**6)
    assert found.keys() == {*expected, "tag_projection_layer._module.weight", "counts"}
    assert all(np.array_equal(found[name], value) for name, value in expected.items())
    assert found["counts"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("folder", FORMATS, indirect=True)
def test_the_elmo_in_a_tagger_gives_what_the_formulas_of_allennlp_give(folder: Path) -> None:
    model = load_model(str(folder))
    assert (model.options, model.mix) == (MODEL.options, MODEL.mix)
    parameters = read_tensors(folder / "weights.th", lambda _: True, "here", 10**6)
    expected = allennlp_archives.elmo(parameters, SENTENCE)
    np.testing.assert_allclose(numpy_elmo.layers(model, SENTENCE)["elmo"], expected, atol=1e-6, rtol=0)
    assert "relu and a clip of 3" in model.note
    archive = write_tar(folder, folder.parent / "model.tar.gz")
    assert load_model(str(archive)).fingerprint() == model.fingerprint()


@pytest.mark.parametrize("folder", FORMATS[:1], indirect=True)
def test_mix_of_normalized_layers_is_left_out_and_told(folder: Path) -> None:
    (folder / "config.json").write_text('{"elmo": {"do_layer_norm": true}}')
    model = load_model(str(folder))
    assert model.mix == Mix.equal(2) and "layers count equally" in model.note


class Shell:
    """What runs a command where a pickle is trusted."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch pwned",)


def in_zip(content: object, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(content, 2))


def in_stream(content: object, path: Path) -> None:
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    path.write_bytes(b"".join(pickle.dumps(part, 2) for part in [*head, content]))


@pytest.mark.parametrize("write", [in_zip, in_stream])
def test_pickles_run_nothing(write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(collections.OrderedDict(a=Shell()), tmp_path / "weights.th")
    with refused("weights.th", "system, which is no tensor", "fetch the model again"):
        load_model(str(tmp_path))
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x02}.", b"x" * 1000, pickle.dumps([1])])
def test_other_files_of_that_name_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "weights.th").write_bytes(content)
    with refused("weights.th", "expected the tensors that PyTorch saved"):
        load_model(str(tmp_path))


@pytest.mark.parametrize("folder", FORMATS[:1], indirect=True)
def test_tagger_without_an_elmo_is_refused(folder: Path) -> None:
    rebuilt = io.BytesIO()
    with zipfile.ZipFile(folder / "weights.th") as old, zipfile.ZipFile(rebuilt, "w") as new:
        for member in old.infolist():
            content = old.read(member)
            for name in (b"_char_embedding_weights", b"_projection.bias"):
                content = content.replace(name, name[:-1] + b"x")
            new.writestr(member.filename, content)
    (folder / "weights.th").write_bytes(rebuilt.getvalue())
    with refused("weights.th", "found 0 tensors", "expected one", "trained on top of an ELMo"):
        load_model(str(folder))


@pytest.mark.parametrize("folder", FORMATS, indirect=True)
def test_any_bytes(folder: Path) -> None:
    whole, n_models = (folder / "weights.th").read_bytes(), 0

    def check(content: bytes) -> None:
        nonlocal n_models
        (folder / "weights.th").write_bytes(content)
        n_models += done_or_one_line(lambda: load_model(str(folder))) is not None

    run_cases("torch bytes", check, content=damaged(whole))


@pytest.mark.parametrize("folder", FORMATS[1:], indirect=True)
def test_storage_that_claims_terabytes_is_refused(folder: Path) -> None:
    content = (folder / "weights.th").read_bytes()
    first = struct.pack("<q", MODEL.arrays["character_embedding"].size)
    (folder / "weights.th").write_bytes(content.replace(first, struct.pack("<q", 2**42)))
    with refused("weights.th", "can't be read"):
        load_model(str(folder))
