"""hf: and kaggle: handles: the real clients, in processes of their own, against servers on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from elmo_udf.models import load_model
from elmo_udf.models.pages import handle_of_page
from tests.hub_servers import COMMIT, HuggingFace, Kaggle, serving
from tests.make_models import random_model
from tests.model_files import write_folder
from tests.refusals import refused

MODEL = random_model(1)
LOAD = """
import sys
from elmo_udf import UserError, load_model
try:
    model = load_model(sys.argv[1])
    print(model.handle, model.fingerprint())
except UserError as error:
    print("UserError:", error)
"""
NOWHERE = "http://127.0.0.1:9"


def load(handle: str, home: Path, **environment: str) -> str:
    """What a process prints that loads the model of a handle; its home, and so all caches, is ``home``."""
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and "KAGGLE" not in name}
    environment = {**kept, "HOME": str(home), "HF_HOME": str(home / "hf"), **environment}
    command = [sys.executable, "-c", LOAD, handle]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    return line


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = write_folder(MODEL, tmp_path / "served")
    (folder / "pytorch_model.bin").write_bytes(b"not needed")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_hugging_face(folder: Path, home: Path) -> None:
    with serving(HuggingFace, folder) as (address, requests):
        for handle in ("hf:org/elmo", "hf:org/elmo@main", f"hf:org/elmo@{COMMIT}", "https://huggingface.co/org/elmo"):
            assert load(handle, home, HF_ENDPOINT=address) == f"{handle} {MODEL.fingerprint()}"
        fetched = [path for path in requests if "/resolve/" in path]
        assert any(path.endswith("/weights.hdf5") for path in fetched)
        assert not any(path.endswith("/pytorch_model.bin") for path in fetched)
        for handle, found in (("hf:org/other", "Repository"), ("hf:org/elmo@v9", "Revision"), ("hf:a b", "a b")):
            said = load(handle, home, HF_ENDPOINT=address)
            assert said.startswith(f"UserError: model '{handle}': can't be fetched from Hugging Face")
            assert found.lower() in said.lower() and "such as kaggle:google/elmo/tensorFlow1/elmo/3" in said

    for offline in ({"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": NOWHERE}):
        assert load("hf:org/elmo", home, **offline) == f"hf:org/elmo {MODEL.fingerprint()}"
        assert "can't be fetched" in load("hf:org/never", home, **offline)


def test_damaged_copy_of_hugging_face_is_named(folder: Path, home: Path) -> None:
    with serving(HuggingFace, folder) as (address, _):
        load("hf:org/elmo", home, HF_ENDPOINT=address)
        for blob in (home / "hf").rglob("weights.hdf5"):
            blob.resolve().write_bytes(b"damaged")
        cached = home / "hf" / "hub" / "models--org--elmo"
        assert f"delete the folder '{cached}'" in load("hf:org/elmo", home, HF_ENDPOINT=address)
        shutil.rmtree(cached)
        assert load("hf:org/elmo", home, HF_ENDPOINT=address).endswith(MODEL.fingerprint())


def test_kaggle(folder: Path, home: Path) -> None:
    (folder / "variables").mkdir()
    (folder / "variables" / "a").write_text("in a folder")
    handles = "kaggle:google/elmo/tensorFlow1/elmo/3", "https://www.kaggle.com/models/google/elmo/TensorFlow1/elmo/3"
    with serving(Kaggle, folder) as (address, requests):
        proxy = {"KAGGLE_API_ENVIRONMENT": "LOCALHOST", "http_proxy": address}
        for handle in (*handles, "kaggle:google/elmo/tensorFlow1/elmo"):
            assert load(handle, home, **proxy) == f"{handle} {MODEL.fingerprint()}"
        assert requests.count("/weights.hdf5") == 1  # the rest came from the cache
        said = load("kaggle:google/elmo/tensorFlow2/elmo/1", home, **proxy)
        assert "can't be fetched from Kaggle" in said and "404" in said and "such as hf:lysandre/elmo-" in said

    offline = {"KAGGLE_API_ENVIRONMENT": "LOCALHOST", "http_proxy": NOWHERE}
    assert load(handles[0], home, **offline) == f"{handles[0]} {MODEL.fingerprint()}"
    assert "can't be fetched from Kaggle" in load("kaggle:google/elmo/tensorFlow1/elmo/2", home, **offline)
    (cached,) = home.rglob("elmo/3")
    (cached / "weights.hdf5").write_bytes(b"damaged")
    assert f"delete the folder '{cached}'" in load(handles[0], home, **offline)


@pytest.mark.parametrize("name", ["x", "google/elmo", "google/elmo/tensorFlow1/elmo/three", "../../../etc/1"])
def test_names_that_kaggle_does_not_have_are_refused(name: str) -> None:
    with refused(f"kaggle:{name}", "expected kaggle:OWNER/MODEL/FRAMEWORK/VARIATION/VERSION"):
        load_model(f"kaggle:{name}")


@pytest.mark.parametrize(("handle", "extra"), [("hf:org/elmo", "hf"), ("kaggle:a/b/c/d/1", "kaggle")])
def test_without_the_package_its_extra_is_named(handle: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("huggingface_hub", "kagglehub"):
        monkeypatch.setitem(sys.modules, name, None)
    with refused(handle, "is not installed", f"pip install 'elmo-udf[{extra}]'"):
        load_model(handle)


KAGGLE = "kaggle:google/elmo/tensorFlow1/elmo"


@pytest.mark.parametrize(
    ("page", "handle"),
    [
        ("https://huggingface.co/org/elmo", "hf:org/elmo"),
        ("https://huggingface.co/org/elmo/", "hf:org/elmo"),
        ("https://huggingface.co/org/elmo/tree/v1", "hf:org/elmo@v1"),
        ("https://hf.co/org/elmo/tree/refs%2Fpr%2F1", "hf:org/elmo@refs/pr/1"),
        ("https://www.kaggle.com/models/google/elmo/TensorFlow1/elmo/3", f"{KAGGLE}/3"),
        ("https://kaggle.com/models/google/elmo/tensorFlow1/elmo/3?tfhub-redirect=true", f"{KAGGLE}/3"),
        ("https://kaggle.com/models/google/elmo/frameworks/TensorFlow1/variations/elmo/versions/3", f"{KAGGLE}/3"),
        ("https://www.kaggle.com/models/google/elmo/tensorFlow1/elmo", KAGGLE),
    ],
)
def test_pages_are_handles(page: str, handle: str) -> None:
    assert handle_of_page(page) == handle


@pytest.mark.parametrize(
    "address",
    [
        "https://huggingface.co/org/elmo/resolve/main/model.zip",
        "https://huggingface.co/org",
        "https://example.org/org/elmo",
        "https://tfhub.dev/google/elmo/3",
        "hf:org/elmo",
        "http://[",
        "/a/path",
    ],
)
def test_other_addresses_stay_as_they_are(address: str) -> None:
    assert handle_of_page(address) == address
