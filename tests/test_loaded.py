"""The models that a process keeps: the ones it used last, and no more than a known number."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyspark
import pytest
from pyspark.sql import SparkSession

from elmo_udf.embedding import loaded
from elmo_udf.embedding.loaded import MOST_MODELS, encoder_in_worker
from elmo_udf.models.store import save
from elmo_udf.network import engine
from elmo_udf.network.runtime import import_tensorflow, start_tensorflow, visible_gpus
from elmo_udf.spark.shipping import ship_model
from tests.make_models import random_model
from tests.model_files import write_folder
from tests.refusals import refused


@pytest.fixture
def files(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The files of three small models; the driver's own process loads them."""
    monkeypatch.setattr(loaded, "_held", [])
    folders = [write_folder(random_model(seed), tmp_path / str(seed)) for seed in (131, 132, 133)]
    yield [ship_model(spark, str(folder)).file_name for folder in folders]


def test_two_models_in_turn_are_loaded_once_each(files: list[str]) -> None:
    first, second, _ = files
    loads = [encoder_in_worker(name, "float32")[1] is not None for name in (first, second, first, second, first)]
    assert loads == [True, True, False, False, False]


def test_the_model_that_was_used_longest_ago_is_forgotten(files: list[str]) -> None:
    first, second, third = files
    for name in (first, second, first, third):
        encoder_in_worker(name, "float32")
    assert len(loaded._held) == MOST_MODELS == 2
    assert encoder_in_worker(first, "float32")[1] is None
    assert encoder_in_worker(second, "float32")[1] is not None


def test_another_precision_is_another_model(files: list[str]) -> None:
    assert encoder_in_worker(files[0], "float32")[0] is not encoder_in_worker(files[0], "bfloat16")[0]


FORGET = """
import gc, sys, weakref
import pyspark
from elmo_udf.embedding.loaded import encoder_in_worker

pyspark.SparkFiles.get = staticmethod(lambda name: name)
networks = [weakref.ref(encoder_in_worker(path, "float32")[0]) for path in sys.argv[1:]]
print([network() is not None for network in networks])
"""


@pytest.mark.slow
def test_what_is_forgotten_leaves_the_memory(root: Path, tmp_path: Path) -> None:
    """In a process of its own, like that of a worker: what Keras has traced in this one, it holds on to."""
    paths = [str(tmp_path / f"{seed}.npz") for seed in (131, 132, 133)]
    for seed, path in zip((131, 132, 133), paths, strict=True):
        save(random_model(seed), path)
    done = subprocess.run([sys.executable, "-c", FORGET, *paths], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "[False, True, True]\n"


def task_of(cpus: int) -> SimpleNamespace:
    """What a task of so many cores is told."""
    return SimpleNamespace(get=lambda: SimpleNamespace(cpus=lambda: cpus, resources=lambda: {}))


def test_a_task_of_more_cores_has_the_model_loaded_anew_and_one_of_fewer_has_not(
    files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query's task has one core, and the job's all of them, in the same Python worker."""
    loads = []
    for cpus in (1, 2, 1, 2):
        monkeypatch.setattr(pyspark, "TaskContext", task_of(cpus))
        loads.append(encoder_in_worker(files[0], "float32")[1] is not None)
    assert (loads, len(loaded._held)) == ([True, True, False, False], 1)


@pytest.mark.parametrize(("device", "is_loaded"), [("auto", False), ("cpu", False), ("gpu", True)])
def test_the_processor_serves_whoever_does_not_ask_for_a_gpu(files: list[str], device: str, is_loaded: bool) -> None:
    if visible_gpus(start_tensorflow()):
        pytest.skip("is about machines without a GPU")
    encoder_in_worker(files[0], "float32")
    with nullcontext() if not is_loaded else refused("device is gpu, and TensorFlow sees no GPU"):
        assert encoder_in_worker(files[0], "float32", device)[1] is None


def test_a_model_without_room_beside_the_others_takes_their_place(
    files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device's memory is what can't be filled here: the first weights meet one that is full, as engine.py has it."""
    encoder_in_worker(files[0], "float32")
    functions, n_held = engine.Functions, []

    def full_with_others(*arguments: Any) -> Any:
        n_held.append(len(loaded._held))
        if loaded._held:
            raise import_tensorflow().errors.ResourceExhaustedError(None, None, "no memory")
        return functions(*arguments)

    monkeypatch.setattr(engine, "Functions", full_with_others)
    encoder_in_worker(files[1], "float32")
    assert (n_held, [held.file_name for held in loaded._held]) == ([1, 0], [files[1]])
