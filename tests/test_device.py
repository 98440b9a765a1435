"""Where the network runs: what --device asks for, what Spark gives, what TensorFlow sees. No GPU is needed.

Executors with pretended GPUs are in tests/cluster/test_gpus.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from elmo_udf import elmo_udf
from elmo_udf.embedding import loaded
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.errors import UserError
from elmo_udf.network.engine import Network
from elmo_udf.network.runtime import start_tensorflow, visible_gpus
from elmo_udf.options import EmbedOptions
from elmo_udf.spark.tables import metadata_of, read_embeddings
from tests.make_models import random_model

SENTENCES = [["One", "sentence", "."]]
NOT_HERE = (
    r"device is gpu, and TensorFlow sees no GPU in 1 of 1 Python workers \(\S+:\d+ was given none by Spark\); "
    r"expected one in each; install .* or go on without with --device auto or cpu"
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


def test_the_report_says_where_it_ran_and_the_table_does_not(spark: SparkSession, options: dict[str, Any]) -> None:
    """The device is no part of what a vector is: tables made on either go together."""
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
