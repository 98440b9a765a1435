"""Any bytes, and any structure, where a model's files should be: the model or one line,
and nothing written elsewhere."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from elmo_udf.models import Model, load_model
from elmo_udf.models.allennlp import read_options
from elmo_udf.models.archives import unpacked
from elmo_udf.models.handles import resolve
from tests.fuzzing import FACTOR, damaged, done_or_one_line, run_cases
from tests.make_models import random_model
from tests.model_files import hdf5_variables, options_json, write_folder, write_tar, write_zip
from tests.savedmodels import write_tf2

MODEL = random_model(1, n_layers=1, n_highway=1, filters=((2, 8),))
VARIABLES = hdf5_variables(MODEL)
OPTIONS = options_json(MODEL)
DEEP = 5_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(MODEL, tmp_path / "model")


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is unpacked goes below this folder, and the current folder is one of its own."""
    for name in ("temporary", "here"):
        (tmp_path / name).mkdir()
    (tmp_path / "temporary" / "hub").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "temporary" / "hub"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def is_sound(model: Model | None) -> bool:
    """Whether there is a model; its numbers are finite then."""
    if model is None:
        return False
    assert all(np.isfinite(array).all() and array.dtype == np.float32 for array in model.arrays.values())
    return True


any_number = st.integers() | st.floats() | st.sampled_from([10**9, 2**31, 10**400, -1, 0, True, 1e308])
any_json = st.recursive(
    st.none() | any_number | st.text(max_size=5) | st.sampled_from(["relu", "tanh", [[1, 2]], [[50, 10**12]]]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
KEYS = [
    ("lstm",), ("char_cnn",), *(("lstm", name) for name in OPTIONS["lstm"]), *(("char_cnn",
    n) for n in OPTIONS["char_cnn"]),
    ("char_cnn", "embedding", "dim"), ("scalar_mix",), ("scalar_mix", "weights"), ("scalar_mix", "gamma"), ("other",),
]  # fmt: skip
ODD_OPTIONS = (
    b"[" * DEEP, b'{"lstm":' * DEEP, b"1" * 5000, b"NaN", b"", b"\xff\xfe{", b"null", b'"' + b"x" * DEEP,
    b"\xef\xbb\xbf{}",
    json.dumps(OPTIONS | {"char_cnn": OPTIONS["char_cnn"] | {"filters": [[1, 4]] * DEEP}}).encode(),
)  # fmt: skip


def changed(edits: list[tuple[tuple[str, ...], Any]]) -> bytes:
    """OPTIONS with other values at some of its keys."""
    options: Any = json.loads(json.dumps(OPTIONS)) | {"scalar_mix": {"weights": [0, 0], "gamma": 1}}
    for (*above, name), value in edits:
        place = options
        for key in above:
            place = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[name] = value
    return json.dumps(options).encode()


def test_any_options_json(folder: Path) -> None:
    n_models = 0

    def check(content: bytes) -> None:
        nonlocal n_models
        (folder / "options.json").write_bytes(content)
        if done_or_one_line(lambda: read_options(folder / "options.json", "handle")) is not None:
            n_models += is_sound(done_or_one_line(lambda: load_model(str(folder))))

    edits = st.lists(st.tuples(st.sampled_from(KEYS), any_json), min_size=1, max_size=3).map(changed)
    whole = damaged(json.dumps(OPTIONS).encode())
    run_cases("options.json", check, content=whole | edits | st.sampled_from(ODD_OPTIONS))
    assert n_models > 10 * FACTOR


def written(sandbox: Path) -> list[str]:
    return sorted(str(path.relative_to(sandbox)) for path in sandbox.rglob("*"))


def test_any_archive_bytes(sandbox: Path) -> None:
    source, archive = write_folder(MODEL, sandbox / "model"), sandbox / "archive"
    write_tar(source, sandbox / "a.tar.xz", mode="w:xz")
    with zipfile.ZipFile(sandbox / "lzma.zip", "w", zipfile.ZIP_LZMA) as file:
        file.write(source / "options.json", "options.json")
        file.write(source / "weights.hdf5", "weights.hdf5")
    wholes = [
        write_zip(source, sandbox / "a.zip"), write_tar(source, sandbox / "a.tar.gz"), sandbox / "a.tar.xz",
        write_tar(source, sandbox / "a.tar", mode="w"), write_tar(source, sandbox / "a.bz2", mode="w:bz2"),
        sandbox / "lzma.zip",
    ]  # fmt: skip
    archive.touch()
    before, n_models = written(sandbox), 0

    def check(content: bytes) -> None:
        nonlocal n_models
        archive.write_bytes(content)
        n_models += is_sound(done_or_one_line(lambda: load_model(str(archive))))
        assert written(sandbox) == before

    run_cases("archive bytes", check, content=st.one_of([damaged(whole.read_bytes()) for whole in wholes]))
    assert n_models > 10 or FACTOR < 1  # one case in twenty may all be damaged


NAMES = (
    "options.json", "weights.hdf5", "a/options.json", "a/weights.hdf5", "../evil", "/evil", "a/../../evil",
    "..", ".", "",
    "C:\\evil", "..\\evil", "\\\\host\\evil", "./a", "a", "a/b", "a/", "x" * 300, "x/" * 3000 + "x",
    "nul\0evil", "\udcff",
    "a\nb", "\x1b[2J", "~", "~/evil", "$HOME/evil", "con", ".hidden", "__MACOSX/options.json", "saved_model.pb",
)  # fmt: skip
TAR_KINDS = {
    "file": tarfile.REGTYPE, "folder": tarfile.DIRTYPE, "link": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE,
    "device": tarfile.CHRTYPE, "pipe": tarfile.FIFOTYPE, "sparse": tarfile.GNUTYPE_SPARSE, "odd": b"Z",
}  # fmt: skip


def write_archive(path: Path, kind: str, members: list[tuple[str, str, int]], content: dict[str, bytes]) -> None:
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, what, size in members:
                info = zipfile.ZipInfo(name.encode(errors="replace").decode())
                mode = {"link": 0o120777, "device": 0o020666, "folder": 0o040755}.get(what, 0o100644)
                info.external_attr = mode << 16
                archive.writestr(info, content.get(Path(name).name, b"x" * size))
                info.file_size += size % 3 if what == "odd" else 0  # the list says more than there is
        return
    with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as tar:
        for name, what, size in members:
            tar_info = tarfile.TarInfo(name.replace("\0", ""))
            tar_info.type, tar_info.linkname = TAR_KINDS[what], "../../evil"
            data = content.get(Path(name).name, b"x" * size) if what == "file" else b""
            tar_info.size = len(data)
            tar.addfile(tar_info, io.BytesIO(data))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_any_structure_of_archives(sandbox: Path) -> None:
    source, archive = write_folder(MODEL, sandbox / "model"), sandbox / "archive"
    content = {path.name: path.read_bytes() for path in source.iterdir()}
    inner = write_zip(source, sandbox / "inner.zip").read_bytes()
    archive.touch()
    before, limit = written(sandbox), 100_000

    def check(kind: str, members: list[tuple[str, str, int]], nested: bool) -> None:
        write_archive(archive, kind, members, content | ({"a": inner} if nested else {}))

        def unpack() -> None:
            with unpacked(archive, "handle", limit) as folder:
                files = [path for path in folder.rglob("*") if not path.is_dir()]
                assert all(path.is_file() and not path.is_symlink() for path in files)
                assert sum(path.stat().st_size for path in files) <= limit
                assert [n for n in written(sandbox) if not n.startswith("temporary/elmo-model-")] == before

        done_or_one_line(unpack)
        is_sound(done_or_one_line(lambda: load_model(str(archive))))
        assert written(sandbox) == before

    sizes, kinds = st.sampled_from([0, 1, 1000, 150_000]), st.sampled_from(["file"] * 6 + list(TAR_KINDS))
    members = st.tuples(st.sampled_from(NAMES), kinds, sizes)
    run_cases(
        "archive structure",
        check,
        kind=st.sampled_from(["zip", "tar", "tar.gz"]),
        members=st.lists(members, max_size=4),
        nested=st.booleans(),
    )


def test_any_handle(sandbox: Path) -> None:
    os.mkfifo("pipe")
    Path("empty").mkdir()
    before = written(sandbox)

    def fetch(uri: str) -> Path:
        return Path("/nowhere") / uri.replace("\0", "")

    def check(handle: str) -> None:
        done_or_one_line(lambda: resolve(handle, fetch=fetch))
        if "pipe" in handle or "empty" in handle or handle[:1] in ("/", "."):
            done_or_one_line(lambda: load_model(handle, fetch=fetch))
        assert written(sandbox) == before

    pieces = st.sampled_from([
        "builtin:", "mini", "file:", "file:///", "http://[", "https://[::1", "http:", "s3a://", "hdfs:",
        "~", "~nobody-here/", "/", "..", ".", "%00", "\0", "x" * 300, "/x" * 3000, "pipe", "empty", "a b",
        "\ud800", "\n", "?",
        "#", "@", "[", "]", "/dev/null", "/dev/zero", ".zip", ".tar.gz", "C:\\", "//host/", "é",
    ])  # fmt: skip
    text = st.text(st.characters(), max_size=8).filter(lambda text: not text.lower().startswith("http"))
    run_cases("handles", check, handle=st.lists(pieces | text, min_size=1, max_size=3).map("".join))


def test_any_saved_model(tmp_path: Path) -> None:
    folder = write_tf2(MODEL, tmp_path / "saved")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    whole = {path: path.read_bytes() for path in files}
    n_models = 0

    def check(number: int, at: int, content: Any) -> None:
        nonlocal n_models
        path = files[number % len(files)]
        path.write_bytes(content.draw(damaged(whole[path])))
        n_models += is_sound(done_or_one_line(lambda: load_model(str(folder))))
        path.write_bytes(whole[path])

    run_cases("saved models", check, number=st.integers(0, 99), at=st.integers(0, 9), content=st.data())
    shutil.rmtree(folder)
    assert n_models > 10 * FACTOR
