"""The models that a process keeps: the ones it used last, and no more than a known number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from elmo_udf.embedding import loaded
from elmo_udf.embedding.loaded import MOST_MODELS, encoder_in_worker
from elmo_udf.spark.shipping import ship_model
from tests.make_models import random_model
from tests.model_files import write_folder


@pytest.fixture
def files(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The files of three small models; the driver's own process loads them."""
    monkeypatch.setattr(loaded, "_encoders", {})
    folders = [write_folder(random_model(seed), tmp_path / str(seed)) for seed in (31, 32, 33)]
    yield [ship_model(spark, str(folder)).file_name for folder in folders]


def test_two_models_in_turn_are_loaded_once_each(files: list[str]) -> None:
    first, second, _ = files
    loads = [encoder_in_worker(name, "float32")[1] is not None for name in (first, second, first, second, first)]
    assert loads == [True, True, False, False, False]


def test_the_model_that_was_used_longest_ago_is_forgotten(files: list[str]) -> None:
    first, second, third = files
    for name in (first, second, first, third):
        encoder_in_worker(name, "float32")
    assert len(loaded._encoders) == MOST_MODELS == 2
    assert encoder_in_worker(first, "float32")[1] is None
    assert encoder_in_worker(second, "float32")[1] is not None


def test_another_precision_is_another_model(files: list[str]) -> None:
    assert encoder_in_worker(files[0], "float32")[0] is not encoder_in_worker(files[0], "bfloat16")[0]
