"""Where the network runs: what --device asks for, what Spark gives, what TensorFlow sees. No GPU is needed.

Executors with pretended GPUs are in tests/cluster/test_gpus.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from elmo_udf import elmo_udf
from elmo_udf.embedding import device, loaded
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.errors import UserError
from elmo_udf.network import precision
from elmo_udf.network.engine import Network
from elmo_udf.network.runtime import start_tensorflow, visible_gpus
from elmo_udf.spark.metadata import metadata_of
from elmo_udf.spark.profile import embedding_stage
from elmo_udf.spark.tables import read_embeddings
from tests.make_models import random_model
from tests.model_files import write_folder

SENTENCES = [["One", "sentence", "."]]
NOT_HERE = (
    r"device is gpu, and TensorFlow sees no GPU in 1 of 1 Python workers \(\S+:\d+ was given none by Spark\); "
    r"expected one in each; install .* or continue without one by --device auto or cpu"
)


@pytest.fixture(autouse=True)
def no_gpu() -> None:
    if visible_gpus(start_tensorflow()):
        pytest.skip("is about machines without a GPU")


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "d.csv").write_text("id,text\n1,One sentence.\n")
    return {"input": str(tmp_path / "d.csv"), "output": str(tmp_path / "out"), "partitions": 1}


def test_a_gpu_that_is_not_there_is_refused_before_the_model_is_read(
    spark: SparkSession, options: dict[str, Any]
) -> None:
    with pytest.raises(UserError, match=NOT_HERE):
        embed_corpus(spark, EmbedOptions(**options, device="gpu", model="no-such-model"))
    assert not Path(options["output"]).exists()


def test_a_dry_run_finds_it_too(spark: SparkSession, options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=NOT_HERE):
        embed_corpus(spark, EmbedOptions(**options, device="gpu", dry_run=True))


def test_a_udf_is_refused_when_it_is_made(spark: SparkSession) -> None:
    with pytest.raises(UserError, match=NOT_HERE):
        elmo_udf(device="gpu", spark=spark)


def test_a_network_says_what_the_process_sees() -> None:
    with pytest.raises(UserError, match=r"TensorFlow sees no GPU in this process \(CUDA_VISIBLE_DEVICES is None\)"):
        Network(random_model(3), device="gpu")


def test_the_processor_gives_what_is_given_without_being_asked_for() -> None:
    expected = Network(random_model(3)).layers(SENTENCES, ["elmo"])["elmo"]
    found = Network(random_model(3), device="cpu").layers(SENTENCES, ["elmo"])["elmo"]
    np.testing.assert_array_equal(found, expected)


def test_the_report_says_where_it_ran_and_the_table_does_not(
    spark: SparkSession, options: dict[str, Any], tmp_path: Path
) -> None:
    """The device is no part of what a vector is: tables made on either go together."""
    options["model"] = str(write_folder(random_model(134), tmp_path / "elmo"))  # which no test before has loaded
    report = embed_corpus(spark, EmbedOptions(**options, device="cpu"))
    assert (report["devices"], report["model_loads"]) == ({"cpu": 1}, 1)
    made = metadata_of(read_embeddings(spark, options["output"]), "embedding")
    assert made is not None and "device" not in made.as_dict() | made.options()


def context(*addresses: str) -> Any:
    """What a task is told of its resources."""
    return SimpleNamespace(resources=lambda: {"gpu": SimpleNamespace(addresses=list(addresses))} if addresses else {})


def test_a_worker_takes_the_gpu_of_its_first_task_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "_gpu_of_worker", None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert loaded.take_gpu(None) is None and loaded.take_gpu(context()) is None
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert [loaded.take_gpu(context("5")) for _ in range(2)] == ["5", "5"]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "5"
    with pytest.raises(UserError, match="a Python worker that has GPU 5 got a task with GPU 6; expected the same"):
        loaded.take_gpu(context("6"))


GAIN = "from elmo_udf.network.precision import bfloat16_gain; print(bfloat16_gain(threads=1))"


@pytest.mark.slow
def test_bfloat16_is_slower_where_the_processor_has_no_instructions_for_it() -> None:
    """oneDNN, which multiplies for TensorFlow, can be told to use a processor as if it were an older one."""
    older = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}
    done = subprocess.run([sys.executable, "-c", GAIN], env=older, capture_output=True, text=True, check=True)
    assert float(done.stdout) < precision.SLOWER


def test_workers_are_asked_what_bfloat16_gains(spark: SparkSession) -> None:
    seen = device.see_devices(spark, embedding_stage(spark), "cpu", "bfloat16")
    assert [worker.bfloat16_gain is not None and worker.bfloat16_gain > 0 for worker in seen] == [True] * len(seen)
    assert [worker.bfloat16_gain for worker in device.see_devices(spark, embedding_stage(spark))] == [None] * len(seen)


@pytest.mark.parametrize(("gain", "is_said"), [(0.41, True), (0.95, False), (1.9, False), (None, False)])
def test_slow_bfloat16_is_said_before_the_work(
    gain: float | None, is_said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    device._check_seen([device.SeenDevice("host:1", 2, None, 0, gain)], "cpu")
    expected = (
        "precision is bfloat16, and products in it have 0.41 times the speed of float32 in 1 of 1 Python workers "
        "(host:1); use --precision float32, which loses nothing"
    )
    assert [record.getMessage() for record in caplog.records] == ([expected] if is_said else [])


@pytest.mark.parametrize(
    ("seen", "is_said"),
    [
        ([("a:1", 2, None, 1), ("a:1", 3, None, 1)], True),  # a session of one machine, two tasks at once
        ([("a:1", 2, None, 1), ("a:4", 3, None, 1), ("b:1", 2, None, 1)], True),  # executors that were given none
        ([("a:1", 2, None, 1), ("a:1", 2, None, 1)], False),  # one worker, asked twice
        ([("a:1", 2, None, 1), ("b:1", 2, None, 1)], False),
        ([("a:1", 2, "0", 1), ("a:4", 3, "1", 1)], False),
    ],
)
def test_workers_that_share_gpus_are_told(
    seen: list[tuple[str, int, str | None, int]], is_said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    device._check_seen([device.SeenDevice(*worker, None) for worker in seen], "gpu")
    expected = (
        "2 Python workers on a share its GPUs, of which Spark has given them none; expected one process per GPU; "
    )
    assert [record.getMessage().startswith(expected) for record in caplog.records] == [True] * is_said
