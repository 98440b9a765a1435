"""Any bytes, and any structure, where a model's HDF5 file should be: the model or one line."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import strategies as st

from elmo_udf.models import load_model
from tests.fuzzing import FACTOR, damaged, done_or_one_line, run_cases
from tests.model_files import hdf5_variables, write_folder
from tests.test_fuzz_models import MODEL, is_sound

VARIABLES = hdf5_variables(MODEL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(MODEL, tmp_path / "model")


def test_any_hdf5_bytes(folder: Path) -> None:
    n_models = 0
    whole = (folder / "weights.hdf5").read_bytes()

    def check(content: bytes) -> None:
        nonlocal n_models
        (folder / "weights.hdf5").write_bytes(content)
        n_models += is_sound(done_or_one_line(lambda: load_model(str(folder))))

    run_cases("hdf5 bytes", check, content=damaged(whole))
    assert n_models > 10 * FACTOR


def put_odd(file: h5py.File, name: str, kind: str, folder: Path) -> None:
    """In place of variable ``name`` something that is none, or not quite."""
    value = VARIABLES[name]
    del file[name]
    if kind in ("int32", "complex64", "float16", "float64", ">f4", "bool", "S3", "m8[s]"):
        file[name] = value.astype(kind) if kind != "m8[s]" else value.astype("i8")
    elif kind == "text":
        file[name] = "a text"
    elif kind == "texts":
        file.create_dataset(name, data=["a"] * value.size, dtype=h5py.string_dtype())
    elif kind == "void":
        file[name] = np.zeros(value.shape, "V8")
    elif kind == "fields":
        file[name] = np.zeros(value.shape, [("a", "f4"), ("b", "f4")])
    elif kind == "references":
        file.create_dataset(name, value.shape, h5py.ref_dtype)
    elif kind == "ragged":
        file.create_dataset(name, value.shape, h5py.vlen_dtype(np.float32))
    elif kind == "nothing":
        file[name] = h5py.Empty("f4")
    elif kind == "scalar":
        file[name] = 1.0
    elif kind == "huge":  # no byte of it is in the file
        file.create_dataset(name, (2**20, *value.shape[1:], 2**20), "f4", chunks=(1,) * (value.ndim + 1))
    elif kind == "bomb":  # 8 GiB of zeros in some kilobytes
        file.create_dataset(name, (2**31,), "f4", chunks=(2**27,), compression="gzip")
    elif kind == "flat":
        file[name] = value.ravel()
    elif kind == "turned":
        file[name] = value.T
    elif kind == "long":
        file[name] = np.concatenate([value, value])
    elif kind == "none":
        file.create_dataset(name, (0,), "f4")
    elif kind == "infinite":
        file[name] = np.full_like(value, np.inf)
    elif kind == "large":
        file[name] = np.full(value.shape, 1e300)
    elif kind == "group":
        file.create_group(name)
    elif kind == "soft link":
        file[name] = h5py.SoftLink("/char_embed")
    elif kind == "cycle of soft links":
        file[name] = h5py.SoftLink(f"/{name}")
    elif kind == "cycle":
        file.require_group(name)["again"] = file["/"]
    elif kind == "external link":
        file[name] = h5py.ExternalLink(str(folder.parent / "secret.hdf5"), "secret")
    elif kind == "external values":
        file.create_dataset(name, value.shape, "f4", external=[(str(folder.parent / "secret"), 0, value.nbytes)])
    elif kind == "virtual":
        layout = h5py.VirtualLayout(value.shape, "f4")
        layout[...] = h5py.VirtualSource(str(folder.parent / "secret.hdf5"), "secret", value.shape)
        file.create_virtual_dataset(name, layout)
    elif kind == "surplus":
        file[name] = value
        file[f"{name} more"] = value


KINDS = (
    "int32", "complex64", "float16", "float64", ">f4", "bool", "S3", "m8[s]", "text", "texts", "void", "fields",
    "references", "ragged", "nothing", "scalar", "huge", "bomb", "flat", "turned", "long", "none", "infinite", "large",
    "group", "soft link", "cycle of soft links", "cycle", "external link", "external values", "virtual", "surplus",
)  # fmt: skip
GOOD_KINDS = {"float16", "float64", ">f4"}
SAME = {(name, "turned") for name, value in VARIABLES.items() if value.T.shape == value.shape}
SAME |= {(name, "flat") for name, value in VARIABLES.items() if value.ndim == 1}


def test_any_structure_of_hdf5(folder: Path) -> None:
    whole, weights = (folder / "weights.hdf5").read_bytes(), folder / "weights.hdf5"
    (folder.parent / "secret").write_bytes(b"\0" * 10_000)

    def check(edits: list[tuple[str, str]]) -> None:
        weights.write_bytes(whole)
        with h5py.File(weights, "r+") as file:
            for name, kind in edits:
                put_odd(file, name, kind, folder)
        good = all((name, kind) in SAME or kind in GOOD_KINDS for name, kind in edits)
        assert is_sound(done_or_one_line(lambda: load_model(str(folder)))) == good

    names = st.sampled_from(sorted(VARIABLES))
    edits = st.lists(st.tuples(names, st.sampled_from(KINDS)), max_size=2, unique_by=lambda edit: edit[0])
    run_cases("hdf5 structure", check, edits=edits)
