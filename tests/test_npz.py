"""Named arrays in one file, without pickles."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from elmo_udf import npz


def test_what_is_written_is_read_and_nothing_else_is_in_the_file(tmp_path: Path) -> None:
    arrays = {"matrix": np.arange(6, dtype=np.float16).reshape(2, 3), "name": "mean", "n": 7}
    with (tmp_path / "arrays.npz").open("wb") as file:
        npz.write(file, arrays)
    read = npz.read(tmp_path / "arrays.npz")
    assert read.keys() == arrays.keys()  # numpy before 2.1 stores an argument that it does not know as an array
    assert read["matrix"].dtype == np.float16 and (read["matrix"] == arrays["matrix"]).all()
    assert (str(read["name"]), int(read["n"])) == ("mean", 7)


def test_objects_are_refused_both_ways() -> None:
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(ValueError, match="names: arrays of objects"):
        npz.write(io.BytesIO(), {"numbers": np.zeros(2), "names": objects})
    pickled = io.BytesIO()
    np.savez(pickled, names=objects)
    pickled.seek(0)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        npz.read(pickled)


def test_a_single_array_is_refused() -> None:
    content = io.BytesIO()
    np.save(content, np.zeros(3))
    content.seek(0)
    with pytest.raises(ValueError, match="one array without a name"):
        npz.read(content)
