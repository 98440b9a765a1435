"""A model that several threads of one application ask for at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from pyspark import SparkFiles
from pyspark.sql import SparkSession

from elmo_udf.errors import UserError
from elmo_udf.models.store import load
from elmo_udf.spark import shipping
from elmo_udf.spark.shipping import ShippedModel, ship_model
from tests.make_models import random_model
from tests.model_files import write_folder


def in_threads(spark: SparkSession, handles: list[str]) -> list[ShippedModel]:
    barrier = Barrier(len(handles))

    def ship(handle: str) -> ShippedModel:
        barrier.wait()
        return ship_model(spark, handle)

    with ThreadPoolExecutor(len(handles)) as pool:
        return list(pool.map(ship, handles))


@pytest.fixture
def calls(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What is loaded, and what is given to Spark, each a moment longer than it takes."""
    done: dict[str, list[str]] = {"loaded": [], "added": []}
    real_load, real_add = shipping.load_model, spark.sparkContext.addFile

    def load_slowly(handle: str, *more: Any) -> Any:
        done["loaded"].append(handle)
        time.sleep(0.2)
        return real_load(handle, *more)

    def add_slowly(path: str) -> None:
        done["added"].append(Path(path).name)
        time.sleep(0.2)
        real_add(path)

    monkeypatch.setattr(shipping, "load_model", load_slowly)
    monkeypatch.setattr(spark.sparkContext, "addFile", add_slowly)
    return done


def test_one_load_and_one_file(spark: SparkSession, tmp_path: Path, calls: dict[str, list[str]]) -> None:
    model = random_model(31)
    handle = str(write_folder(model, tmp_path / "elmo"))
    shipped = in_threads(spark, [handle] * 6)
    assert calls == {"loaded": [handle], "added": [f"elmo-{model.fingerprint()}.npz"]}
    assert len(set(map(id, shipped))) == 1
    assert load(SparkFiles.get(shipped[0].file_name)).fingerprint() == model.fingerprint()


def test_two_handles_of_one_model_are_one_file(
    spark: SparkSession, tmp_path: Path, calls: dict[str, list[str]]
) -> None:
    handles = [str(write_folder(random_model(32), tmp_path / name)) for name in ("a", "b")]
    one, other = in_threads(spark, handles)
    assert sorted(calls["loaded"]) == handles and len(calls["added"]) == 1
    assert one.file_name == other.file_name and {one.handle, other.handle} == set(handles)


def test_a_model_that_is_refused_is_refused_to_each(spark: SparkSession, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match="none"):
            ship_model(spark, str(tmp_path / "none"))
